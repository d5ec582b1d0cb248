"""What Prometheus itself says of rules."""

import shutil
import subprocess

import pytest
import yaml


def alerts_of(rules):
    """A file's rules, by the name of the alert."""
    document = yaml.safe_load(rules.read_text("utf-8"))
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"]}


def objections(rules, series, expected, folder):
    """What it has against the claim that a file raises these alerts within an hour."""
    if shutil.which("promtool") is None:
        pytest.skip("needs promtool, of Debian's package prometheus")
    tests = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": s, "values": v} for s, v in series.items()],
                "promql_expr_test": [
                    {
                        "expr": "count by (alertname) (max_over_time("
                        'ALERTS{alertstate="firing"}[1h]))',
                        "eval_time": "1h",
                        "exp_samples": [
                            {"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected
                        ],
                    }
                ],
            }
        ],
    }
    path = folder / "tests.yml"
    path.write_text(yaml.safe_dump(tests), "utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
