"""Requests to the Worker, over connections that are kept open."""

import http.client
import json
import os
import ssl
import weakref
from urllib.parse import quote, urlsplit

from django.utils.functional import cached_property

from .errors import WorkerError, error_from

MAX_IDLE_CONNECTIONS = 8
USER_AGENT = "fallback-storage-django/0.1"


def encode_name(name):
    """Percent-encodes everything but letters, digits, `-._~` and `/`, as the Worker does in its own URLs."""
    return quote(name, safe="/")


class Client:
    """Sends requests to one Worker, from any number of threads."""

    def __init__(self, base_url, token=None, timeout=30):
        self.base_url = base_url
        self._timeout = timeout
        self._headers = {"User-Agent": USER_AGENT, **({"Authorization": f"Bearer {token}"} if token else {})}
        self._idle = []
        self._pid = os.getpid()
        weakref.finalize(self, _close_all, self._idle)

    def call(self, method, path, name, headers=None, body=None):
        """The JSON of an answer; `None` if it has none."""
        response = self.open(method, path, name, headers, body)
        try:
            answer = response.read()
            if response.headers.get_content_type() == "application/json":
                return json.loads(answer)
            if response.status in (201, 204) and not answer:
                return None
            what = "without JSON"
        except (http.client.HTTPException, ValueError) as error:
            what = repr(error)
        finally:
            self.release(response)
        raise WorkerError(f"{response.status} {what}: no answer of a fallback-storage Worker; is base_url right?")

    def open(self, method, path, name, headers=None, body=None):
        """A successful response, to be given to `release` in the end."""
        try:
            response = self._send(method, path, {**self._headers, **(headers or {})}, body)
        except http.client.HTTPException as error:
            raise WorkerError(f"{self.base_url}: {error!r}") from error
        if 200 <= response.status < 300:
            return response
        try:
            raise error_from(response, name)
        finally:
            self.release(response)

    def release(self, response):
        """Keeps the connection for another request if the response is read to its end, otherwise closes it."""
        connection = response.connection
        if response.isclosed() and connection.sock and len(self._idle) < MAX_IDLE_CONNECTIONS:
            self._idle.append(connection)
        else:
            response.close()
            connection.close()

    def _send(self, method, path, headers, body):
        url = self.base_url + path
        # Only using an idle connection shows whether the server has closed it, and a body can't be sent twice.
        while body is None and (connection := self._take_idle()):
            try:
                return _exchange(connection, method, url, headers)
            except (ConnectionError, http.client.RemoteDisconnected):
                continue
        return _exchange(self._connect(), method, url, headers, body)

    def _connect(self):
        parts = urlsplit(self.base_url)
        if parts.scheme == "https":
            return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=self._timeout, context=self._tls)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=self._timeout)

    @cached_property
    def _tls(self):
        return ssl.create_default_context()

    def _take_idle(self):
        # After a fork, the parent process uses the same sockets.
        if self._pid != os.getpid():
            self._pid = os.getpid()
            _close_all(self._idle)
        try:
            return self._idle.pop()
        except IndexError:
            return None


def _exchange(connection, method, url, headers, body=None):
    parts = urlsplit(url)
    target = parts._replace(scheme="", netloc="", fragment="", path=parts.path or "/").geturl()
    try:
        try:
            connection.request(method, target, body=body, headers=headers, encode_chunked=True)
        except (BrokenPipeError, ConnectionResetError):
            # A server that refuses a body answers before all of it is sent.
            if body is None:
                raise
        response = connection.getresponse()
    except BaseException:
        connection.close()
        raise
    response.connection = connection
    return response


def _close_all(connections):
    while connections:
        connections.pop().close()
