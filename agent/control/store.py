"""Store: what a control plane must not forget, in one database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.control.database import Database
from agent.control.inbox import Inbox
from agent.control.outbox import Outbox
