"""How the Worker's answers become Python's exceptions."""

import errno
import json

from django.core.exceptions import SuspiciousFileOperation

MAX_PROBLEM_BYTES = 64 * 1024


class WorkerError(OSError):
    """The Worker or one of its backends failed. `problem` is the problem document (RFC 9457), empty if there is none."""

    def __init__(self, message, status=None, problem=None):
        super().__init__(errno.EIO, message)
        self.status = status
        self.problem = problem or {}


def error_from(response, name):
    """The exception for a response that is not a success. Reads its body."""
    body = response.read(MAX_PROBLEM_BYTES)
    status = response.status
    problem = _problem(response, body)
    location = response.headers.get("Location")
    if location is not None:
        # Without the query, which may contain a secret.
        target = location.partition("?")[0]
        return WorkerError(f"{status} redirects to {target}; set base_url to the media root there", status)
    if problem is None:
        return WorkerError(
            f"{status} {response.reason}, which does not come from a fallback-storage Worker: "
            "is base_url right, or did something before the Worker refuse the request?",
            status,
        )
    message = _message(problem)
    code = str(problem.get("type", "")).rpartition("#")[2]
    if status in (401, 403):
        return PermissionError(errno.EACCES, message, name)
    # Any other 404 is a wrong address, which says nothing about the file.
    if code == "absent":
        return FileNotFoundError(errno.ENOENT, message, name)
    if code == "invalid":
        return SuspiciousFileOperation(f"{message} ({name!r})")
    if code == "unsupported":
        return NotImplementedError(message)
    return WorkerError(f"{status} {message} ({name!r})", status, problem)


def _problem(response, body):
    if response.headers.get_content_type() != "application/problem+json":
        return None
    try:
        problem = json.loads(body)
    except ValueError:
        return None
    return problem if isinstance(problem, dict) else None


def _message(problem):
    backends = "; ".join(f"{failed['name']}: {failed['detail']}" for failed in problem.get("backends", []))
    message = f"{problem.get('title')}: {problem.get('detail')}"
    return f"{message} [{backends}]" if backends else message
