"""Which of the teacher's classes each of the student's is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.errors import UsageError
from models.classes import nearest

if TYPE_CHECKING:
    from distill.predict.predictor import Teacher
    from distill.student.config import DistillConfig

_SHOWN = 5


def classes_of_teacher(config: DistillConfig, teacher: Teacher) -> list[int]:
    """The teacher's class id of each class of the student.

    Raises:
        UsageError: it doesn't know one; the message says which, and what it knows.
    """
    number_of = {name: number for number, name in enumerate(teacher.classes)}
    numbers = []
    for ours in config.student.classes:
        theirs = config.teacher.names.get(ours, ours)
        if theirs not in number_of:
            close = nearest(theirs, number_of)
            known = ", ".join(teacher.classes[:_SHOWN])
            more = ", ..." if len(teacher.classes) > _SHOWN else ""
            hint = f"it has '{close}'" if close else f"it knows {known}{more}"
            raise UsageError(
                f"the teacher {teacher.name} does not know '{theirs}', which the student shall "
                f"learn; {hint}: say what it calls it in teacher.names"
            )
        numbers.append(number_of[theirs])
    return numbers
