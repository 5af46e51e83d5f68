"""What the storage does with answers that a Worker rarely gives, from a server that plays them."""

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.db.migrations.writer import MigrationWriter
from django.test import SimpleTestCase, override_settings

from fallback_storage_django import WorkerError, WorkerStorage


class Server(ThreadingHTTPServer):
    """Answers each request with `answer(handler)`, and notes them."""

    daemon_threads = True

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.requests, self.connections = answer, [], 0
        self.url = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def handle_error(self, *args):
        """A client may close its connection."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, unquote(self.path), dict(self.headers)))
        self.server.answer(self)

    do_POST = do_DELETE = do_GET

    def reply(self, status, body=b"", content_type="application/json", **headers):
        body = json.dumps(body).encode() if isinstance(body, dict) else body
        self.send_response(status)
        for name, value in {"Content_Type": content_type, "Content_Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def problem(self, status, code, **fields):
        body = {"type": f"/-/docs/errors#{code}", "title": "A title", "status": status, "detail": "a detail", **fields}
        self.reply(status, body, "application/problem+json")

    def log_message(self, *args):
        pass


class ScriptedTestCase(SimpleTestCase):
    def serve(self, answer, **options):
        server = Server(answer)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server, WorkerStorage(base_url=server.url, token="secret", **options)


class Failures(ScriptedTestCase):
    def test_become_the_exceptions_of_python(self):
        for status, code, expected in (
            (400, "invalid", SuspiciousFileOperation),
            (400, "corrupt", WorkerError),
            (401, "unauthorized", PermissionError),
            (403, "forbidden", PermissionError),
            (404, "absent", FileNotFoundError),
            (409, "locked", WorkerError),
            (412, "precondition", WorkerError),
            (429, "too-many-writes", WorkerError),
            (500, "internal", WorkerError),
            (501, "unsupported", NotImplementedError),
            (502, "unavailable", WorkerError),
            (503, "overloaded", WorkerError),
            (504, "timeout", WorkerError),
        ):
            _, files = self.serve(lambda handler: handler.problem(status, code))
            calls = {
                "open": lambda: files.open("a.txt"),
                "save": lambda: files._save("a.txt", ContentFile(b"x")),
                "delete": lambda: files.delete("a.txt"),
                "exists": lambda: files.exists("a.txt"),
                "listdir": lambda: files.listdir("a"),
                "size": lambda: files.size("a.txt"),
                "time": lambda: files.get_modified_time("a.txt"),
            }
            for name, call in calls.items():
                with self.subTest(f"{name} {code}"), self.assertRaisesMessage(expected, "A title: a detail"):
                    call()

    def test_name_the_backends_that_failed(self):
        backends = [{"name": "legacy", "error": "timeout", "detail": "no answer"}]
        _, files = self.serve(lambda handler: handler.problem(504, "timeout", backends=backends))
        with self.assertRaisesMessage(WorkerError, "[legacy: no answer]") as caught:
            files.exists("a.txt")
        self.assertEqual(caught.exception.status, 504)
        self.assertEqual(caught.exception.problem["backends"], backends)

    def test_a_wrong_address_is_no_missing_file(self):
        for status in (200, 404):
            _, files = self.serve(lambda handler: handler.reply(status, b"<html>", "text/html"))
            for call in (files.exists, files.size, files.delete):
                with self.subTest(status), self.assertRaisesMessage(WorkerError, "is base_url right"):
                    call("a.txt")
        _, files = self.serve(lambda handler: handler.problem(404, "no-such-route"))
        with self.assertRaises(WorkerError):
            files.exists("a.txt")

    def test_an_unreachable_worker_is_an_os_error(self):
        with self.assertRaises(ConnectionRefusedError):
            WorkerStorage(base_url="http://127.0.0.1:1/").exists("a.txt")

    def test_a_silent_worker_is_a_timeout(self):
        _, files = self.serve(lambda handler: time.sleep(0.5), timeout=0.05)
        with self.assertRaises(TimeoutError):
            files.exists("a.txt")

    def test_nonsense_is_an_os_error(self):
        _, files = self.serve(lambda handler: handler.wfile.write(b"this is not HTTP\r\n\r\n"))
        with self.assertRaises(WorkerError):
            files.exists("a.txt")

    def test_a_body_that_ends_too_early_is_an_os_error(self):
        def answer(handler):
            handler.reply(200, b"half", "text/plain", Content_Length=8)
            handler.close_connection = True

        _, files = self.serve(answer)
        with files.open("a.txt") as file, self.assertRaisesMessage(WorkerError, "ended after 4 of 8 bytes"):
            file.read()

    def test_an_answer_that_ends_too_early_or_is_no_json_is_an_os_error(self):
        def half(handler):
            handler.reply(200, b'{"exists": ', Content_Length=16)
            handler.close_connection = True

        for answer in (half, lambda handler: handler.reply(200, b'{"exists": ')):
            _, files = self.serve(answer)
            with self.subTest(answer), self.assertRaisesMessage(WorkerError, "no answer of a fallback-storage Worker"):
                files.exists("a.txt")

    def test_another_range_than_the_requested_one_is_an_os_error(self):
        for status, headers in (
            (200, {}),
            (206, {"Content_Range": "bytes 0-5/10"}),
            (206, {"Content_Range": "nonsense"}),
        ):
            def answer(handler):
                if "Range" in handler.headers:
                    handler.reply(status, b"middle", "text/plain", **headers)
                else:
                    handler.reply(200, b"beginning.", "text/plain")

            _, files = self.serve(answer)
            with self.subTest(headers), files.open("a.txt") as file:
                file.seek(4)
                with self.assertRaisesMessage(WorkerError, "the range from 4"):
                    file.read()

    def test_a_refused_upload_says_why(self):
        def answer(handler):
            handler.problem(413, "too-large")
            handler.close_connection = True

        _, files = self.serve(answer)
        with self.assertRaisesMessage(OSError, "A title: a detail"):
            files._save("a.txt", ContentFile(b"x" * 1000))

    def test_a_listing_that_lacks_a_failed_backend_is_no_listing(self):
        page = {"path": "", "directories": [], "files": ["a"], "cursor": None, "degraded": ["down"]}
        down = {"name": "down", "error": "unavailable", "detail": "refused"}
        _, files = self.serve(lambda handler: handler.reply(200, {**page, "backends": [down]}))
        with self.assertRaisesMessage(WorkerError, "[down: refused]"):
            files.listdir("")
        unlistable = {"name": "down", "error": "unsupported", "detail": "cannot list"}
        _, files = self.serve(lambda handler: handler.reply(200, {**page, "backends": [unlistable]}))
        self.assertEqual(files.listdir(""), ([], ["a"]))

    def test_a_name_that_cannot_be_looked_up_gets_a_random_ending(self):
        _, files = self.serve(lambda handler: handler.problem(502, "unavailable"))
        self.assertRegex(files.get_available_name("dir/name.txt"), r"^dir/name_\w{7}\.txt$")
        self.assertRegex(files.get_available_name("dir/name.txt", max_length=18), r"^dir/na_\w{7}\.txt$")
        _, files = self.serve(lambda handler: handler.problem(500, "internal"))
        with self.assertRaises(WorkerError):
            files.get_available_name("dir/name.txt")


class Requests(ScriptedTestCase):
    def test_share_a_connection(self):
        server, files = self.serve(lambda handler: handler.reply(200, {"exists": True}))
        for _ in range(5):
            self.assertIs(files.exists("a.txt"), True)
        self.assertEqual(server.connections, 1)
        method, path, headers = server.requests[0]
        self.assertEqual((method, path), ("GET", "/-/api/exists/a.txt"))
        self.assertEqual(headers["Authorization"], "Bearer secret")

    def test_survive_that_the_server_has_closed_an_idle_connection(self):
        def answer(handler):
            handler.reply(200, {"exists": True})
            # Without having announced it.
            handler.close_connection = True

        server, files = self.serve(answer)
        for _ in range(5):
            self.assertTrue(files.exists("a.txt"))
        self.assertEqual((server.connections, len(server.requests)), (5, 5))

    def test_do_not_share_a_connection_whose_body_is_not_read(self):
        server, files = self.serve(lambda handler: handler.reply(200, b"x" * 100_000, "text/plain"))
        files.open("a.txt").close()
        with files.open("a.txt") as file:
            self.assertEqual(len(file.read()), 100_000)
        self.assertEqual(server.connections, 2)

    def test_of_a_forked_process_use_connections_of_their_own(self):
        server, files = self.serve(lambda handler: handler.reply(200, {"exists": True}))
        files.exists("a.txt")
        child = os.fork()
        if child == 0:
            os._exit(0 if files.exists("a.txt") else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertTrue(files.exists("a.txt"))
        self.assertEqual(server.connections, 2)

    def test_list_all_pages(self):
        pages = {
            "/-/api/listdir/m/": {"directories": ["a"], "files": ["1"], "cursor": "next &"},
            "/-/api/listdir/m/?cursor=next+&": {"directories": [], "files": [], "cursor": "3"},
            "/-/api/listdir/m/?cursor=3": {"directories": ["b"], "files": ["2"], "cursor": None},
        }
        _, files = self.serve(lambda handler: handler.reply(200, pages[unquote(handler.path)]), location="m")
        self.assertEqual(files.listdir(""), (["a", "b"], ["1", "2"]))

    def test_say_where_base_url_redirects(self):
        server, files = self.serve(
            lambda handler: handler.reply(301, Location=f"https://www.example.com{handler.path}?token=a")
        )
        for call in (lambda: files.open("a.txt"), lambda: files.exists("a.txt"), lambda: files.delete("a.txt")):
            with self.assertRaisesRegex(WorkerError, r"redirects to https://www\.example\.com/-/api/\w+/a\.txt;"):
                call()
        self.assertEqual(len(server.requests), 3)

    def test_read_files_of_unknown_length(self):
        def answer(handler):
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            handler.wfile.write(b"4\r\nfour\r\n0\r\n\r\n" if handler.path.endswith("whole") else b"4\r\nfour\r\n")
            handler.close_connection = True

        _, files = self.serve(answer)
        with files.open("whole") as file:
            self.assertEqual(file.read(), b"four")
        with files.open("broken") as file, self.assertRaises(WorkerError):
            file.read()


class Configuration(SimpleTestCase):
    def test_needs_the_url_of_a_worker(self):
        for url in (None, "", "media.example.com", "ftp://media.example.com/", "https://media.example.com/?a=b"):
            with self.subTest(url), self.assertRaisesMessage(ImproperlyConfigured, "base_url must be"):
                WorkerStorage(base_url=url)
        with self.assertRaisesMessage(ImproperlyConfigured, "media_url must be"):
            WorkerStorage(base_url="https://media.example.com", media_url="/media/")

    def test_refuses_unknown_options(self):
        with self.assertRaisesMessage(TypeError, "base_ulr"):
            WorkerStorage(base_ulr="https://media.example.com/")

    @override_settings(FALLBACK_STORAGE={"base_url": "https://media.example.com", "location": "settings"})
    def test_options_take_precedence_over_the_setting(self):
        self.assertEqual(WorkerStorage().url("a"), "https://media.example.com/settings/a")
        self.assertEqual(WorkerStorage(location="/own/").url("a"), "https://media.example.com/own/a")

    def test_keeps_secrets_out_of_migrations(self):
        options = {"base_url": "https://media.example.com/", "location": "private"}
        storage = WorkerStorage(**options, token="secret", signing_key=("id", "secret"))
        written, imports = MigrationWriter.serialize(storage)
        self.assertNotIn("secret", written)
        self.assertEqual(imports, {"import fallback_storage_django"})
        again = eval(written, {"fallback_storage_django": __import__("fallback_storage_django")})
        self.assertEqual(again.deconstruct(), storage.deconstruct())
        self.assertEqual(again.deconstruct()[2], options)
