"""What Django expects of a storage, and its FileSystemStorage does."""

import io
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from unittest import skipUnless
from urllib.error import HTTPError

import django
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings
from django.utils.timezone import is_aware, make_aware

from .workers import WORKERS, WorkerTestCase

NAMES = [
    "plain.txt",
    "with spaces and+plus.txt",
    "100% sure?.txt",
    "quote'\"#hash&amp;.txt",
    "Größe – Straße.txt",
    "写真/二枚目.txt",
    "emoji 🎉.txt",
    "a//b.txt",
    "%2F.txt",
    "(parentheses)!*~.txt",
]


class Saving(WorkerTestCase):
    def setUp(self):
        super().setUp()
        self.files = self.storage("single")

    def test_returns_the_name_and_stores_the_bytes(self):
        self.assertEqual(self.files.save("a/b.txt", ContentFile(b"bytes")), "a/b.txt")
        self.assertEqual(self.read(self.files, "a/b.txt"), b"bytes")
        self.assertEqual(self.files.size("a/b.txt"), 5)

    def test_takes_the_name_of_the_content_if_none_is_given(self):
        self.assertEqual(self.files.save(None, ContentFile(b"x", name="own.txt")), "own.txt")

    def test_never_replaces_a_file(self):
        self.files.save("a.txt", ContentFile(b"first"))
        second = self.files.save("a.txt", ContentFile(b"second"))
        self.assertRegex(second, r"^a_[A-Za-z0-9]{7}\.txt$")
        self.assertEqual(self.read(self.files, "a.txt"), b"first")
        self.assertEqual(self.read(self.files, second), b"second")

    def test_gives_each_of_many_concurrent_saves_a_name_of_its_own(self):
        with ThreadPoolExecutor(8) as pool:
            contents = [f"content {i}".encode() for i in range(24)]
            names = list(pool.map(lambda content: self.files.save("same.txt", ContentFile(content)), contents))
        self.assertEqual(len(set(names)), 24)
        self.assertEqual([self.read(self.files, name) for name in names], contents)
        self.assertIn("same.txt", names)

    def test_stores_text_as_utf_8(self):
        self.files.save("text.txt", ContentFile("Größe 🎉"))
        self.assertEqual(self.read(self.files, "text.txt").decode(), "Größe 🎉")

    def test_stores_every_kind_of_content(self):
        data = bytes(range(256)) * 1000
        with tempfile.NamedTemporaryFile() as on_disk:
            on_disk.write(data)
            on_disk.seek(0)
            contents = {
                "file": File(on_disk),
                "plain file object": io.BytesIO(data),
                "read to its end": io.BytesIO(data),
                "upload": SimpleUploadedFile("upload", data, "text/css"),
                "of unknown length": Unsized(data),
            }
            contents["read to its end"].read()
            for name, content in contents.items():
                with self.subTest(name):
                    self.assertEqual(self.files.save(name, content), name)
                    self.assertEqual(self.read(self.files, name), data)

    def test_stores_empty_files(self):
        self.files.save("empty", ContentFile(b""))
        self.assertEqual(self.read(self.files, "empty"), b"")
        self.assertEqual(self.files.size("empty"), 0)

    def test_keeps_the_type_of_an_upload_and_otherwise_takes_that_of_the_extension(self):
        self.files.save("styles", SimpleUploadedFile("styles", b"a{}", "text/css"))
        self.files.save("a.png", SimpleUploadedFile("a.png", b"x", "application/octet-stream"))
        self.files.save("b.jpg", ContentFile(b"x"))
        types = [self.fetch(self.files.url(name)).headers.get_content_type() for name in ("styles", "a.png", "b.jpg")]
        self.assertEqual(types, ["text/css", "image/png", "image/jpeg"])

    def test_stores_nothing_if_the_content_is_not_as_long_as_it_says(self):
        for size in (3, 30):
            content = ContentFile(b"ten bytes!")
            content.size = size
            with self.assertRaisesMessage(OSError, "another length"):
                self.files.save("wrong.txt", content)
            self.assertFalse(self.files.exists("wrong.txt"))
        self.assertEqual(self.files.save("wrong.txt", ContentFile(b"right")), "wrong.txt")

    def test_stores_nothing_if_the_content_fails(self):
        with self.assertRaisesMessage(ZeroDivisionError, "no more"):
            self.files.save("broken.bin", Failing(b"x" * 200_000))
        self.assertFalse(self.files.exists("broken.bin"))

    def test_keeps_awkward_names(self):
        for name in NAMES:
            with self.subTest(name):
                self.assertEqual(self.files.save(name, ContentFile(name.encode())), name)
                self.assertTrue(self.files.exists(name))
                self.assertEqual(self.read(self.files, name), name.encode())
                self.assertEqual(self.fetch(self.files.url(name)).body, name.encode())
                self.files.delete(name)
                self.assertFalse(self.files.exists(name))

    def test_takes_a_backslash_for_a_slash(self):
        self.assertEqual(self.files.save("a\\b.txt", ContentFile(b"x")), "a/b.txt")
        self.assertTrue(self.files.exists("a\\b.txt"))

    def test_refuses_names_that_lead_elsewhere(self):
        for name in ("../a.txt", "a/../../b.txt", "/etc/passwd", "..", "a\\..\\..\\b.txt", "./a", ""):
            with self.subTest(name), self.assertRaises(SuspiciousFileOperation):
                self.files.open(name)
            with self.subTest(name), self.assertRaises(SuspiciousFileOperation):
                self.files.exists(name)
        for name in ("../a.txt", "a/../../b.txt", ".."):
            with self.subTest(name), self.assertRaises(SuspiciousFileOperation):
                self.files.save(name, ContentFile(b"x"))
            with self.subTest(name), self.assertRaises(SuspiciousFileOperation):
                self.files.generate_filename(name)

    def test_refuses_names_that_the_worker_refuses(self):
        for name in ("bell\x07.txt", "long" * 300):
            with self.subTest(name), self.assertRaises(SuspiciousFileOperation):
                self.files.save(name, ContentFile(b"x"))


class Names(WorkerTestCase):
    def setUp(self):
        super().setUp()
        self.files = self.storage("single")

    def test_cleans_names_as_django_does(self):
        self.assertEqual(self.files.get_valid_name(" a b?c/ü.txt"), "a_bcü.txt")
        self.assertEqual(self.files.generate_filename("dir/sub/a b.txt"), "dir/sub/a_b.txt")

    def test_gives_a_free_name(self):
        self.assertEqual(self.files.get_available_name("a.txt"), "a.txt")
        self.files.save("a.txt", ContentFile(b"x"))
        self.assertRegex(self.files.get_available_name("a.txt"), r"^a_\w{7}\.txt$")
        self.assertRegex(self.files.get_alternative_name("a", ".txt"), r"^a_\w{7}\.txt$")

    def test_shortens_names_to_max_length(self):
        self.assertEqual(len(self.files.get_available_name("a" * 50 + ".txt", max_length=30)), 30)
        name = self.files.save("b" * 50 + ".txt", ContentFile(b"x"), max_length=30)
        self.assertRegex(name, r"^b{18}_\w{7}\.txt$")
        with self.assertRaises(SuspiciousFileOperation):
            self.files.get_available_name("a" * 50 + ".extension", max_length=12)

    @skipUnless(django.VERSION >= (5, 1), "new in Django 5.1")
    def test_says_whether_a_name_is_available(self):
        self.assertTrue(self.files.is_name_available("a.txt"))
        self.files.save("a.txt", ContentFile(b"x"))
        self.assertFalse(self.files.is_name_available("a.txt"))
        self.assertFalse(self.files.is_name_available("longer.txt", max_length=5))

    def test_has_no_paths(self):
        with self.assertRaises(NotImplementedError):
            self.files.path("a.txt")


class Opening(WorkerTestCase):
    def setUp(self):
        super().setUp()
        self.files = self.storage("single")
        self.data = bytes(i * 7 % 251 for i in range(300_000))
        self.files.save("data.bin", ContentFile(self.data))

    def test_a_missing_file_is_not_found(self):
        for action in ("open", "size", "get_modified_time"):
            with self.subTest(action), self.assertRaises(FileNotFoundError) as caught:
                getattr(self.files, action)("missing.txt")
            self.assertEqual(caught.exception.filename, "missing.txt")
        self.assertFalse(self.files.exists("missing.txt"))

    def test_reads_in_chunks(self):
        with self.files.open("data.bin") as file:
            self.assertEqual(file.size, 300_000)
            self.assertEqual(file.name, "data.bin")
            self.assertEqual(b"".join(file.chunks(10_000)), self.data)
            self.assertEqual(file.read(), b"")
            self.assertEqual(b"".join(file.chunks()), self.data)

    def test_seeks(self):
        with self.files.open("data.bin") as file:
            self.assertTrue(file.seekable())
            for position, length in ((100, 50), (250_000, 1000), (0, 10), (299_990, 100), (150_000, 70_000), (300_000, 5)):
                file.seek(position)
                self.assertEqual(file.read(length), self.data[position : position + length])
            file.seek(-10, io.SEEK_END)
            self.assertEqual(file.tell(), 299_990)
            self.assertEqual(file.read(), self.data[-10:])
            file.seek(400_000)
            self.assertEqual(file.read(), b"")
            with self.assertRaises((OSError, ValueError)):
                file.seek(-1)

    def test_reads_lines_and_text(self):
        self.files.save("lines.txt", ContentFile("erste\nzweite ü\n"))
        with self.files.open("lines.txt") as file:
            self.assertEqual(list(file), ["erste\n".encode(), "zweite ü\n".encode()])
        with self.files.open("lines.txt", "r") as file:
            self.assertEqual(list(file), ["erste\n", "zweite ü\n"])

    def test_is_closed_and_opens_again(self):
        file = self.files.open("data.bin")
        file.read(10)
        self.assertFalse(file.closed)
        file.close()
        file.close()
        self.assertTrue(file.closed)
        with self.assertRaises(ValueError):
            file.read()
        file.open()
        self.assertEqual(file.read(), self.data)
        file.close()

    def test_does_not_mix_two_versions_of_a_file(self):
        with self.files.open("data.bin") as file:
            file.read(10)
            with self.files.open("data.bin", "wb") as other:
                other.write(b"new" * 100_000)
            file.seek(200_000)
            with self.assertRaisesMessage(OSError, "Precondition failed"):
                file.read()

    def test_writes_when_it_is_closed(self):
        with self.files.open("written.txt", "wb") as file:
            file.write(b"one ")
            file.write(b"two")
            self.assertEqual(file.size, 7)
            self.assertFalse(self.files.exists("written.txt"))
        self.assertEqual(self.read(self.files, "written.txt"), b"one two")
        with self.files.open("written.txt", "w") as file:
            file.write("drei ü")
        self.assertEqual(self.read(self.files, "written.txt"), "drei ü".encode())

    def test_stores_nothing_if_writing_is_interrupted(self):
        with self.assertRaises(ZeroDivisionError), self.files.open("half.txt", "wb") as file:
            file.write(b"half")
            raise ZeroDivisionError
        self.assertFalse(self.files.exists("half.txt"))

    def test_refuses_other_modes(self):
        for mode in ("a", "r+b", "xb", "nonsense"):
            with self.subTest(mode), self.assertRaises(ValueError):
                self.files.open("data.bin", mode)

    def test_many_threads_read_at_once(self):
        def read(position):
            with self.files.open("data.bin") as file:
                file.seek(position)
                return file.read(1000)

        positions = [i * 4000 for i in range(60)]
        with ThreadPoolExecutor(12) as pool:
            self.assertEqual(list(pool.map(read, positions)), [self.data[at : at + 1000] for at in positions])


class Deleting(WorkerTestCase):
    def test_deletes_and_accepts_what_is_not_there(self):
        files = self.storage("single")
        files.save("a.txt", ContentFile(b"x"))
        files.delete("a.txt")
        self.assertFalse(files.exists("a.txt"))
        files.delete("a.txt")
        self.assertEqual(files.save("a.txt", ContentFile(b"again")), "a.txt")

    def test_needs_a_name(self):
        for name in ("", None):
            with self.assertRaises(ValueError):
                self.storage("single").delete(name)


class Listing(WorkerTestCase):
    def test_lists_directories_and_files_by_their_own_names(self):
        files = self.storage("single")
        for name in ("a.txt", "b c.txt", "photos/1.jpg", "photos/2024/2.jpg", "ü/3.jpg"):
            files.save(name, ContentFile(b"x"))
        for root in ("", ".", "/"):
            self.assertEqual(files.listdir(root), (["photos", "ü"], ["a.txt", "b c.txt"]))
        for photos in ("photos", "photos/"):
            self.assertEqual(files.listdir(photos), (["2024"], ["1.jpg"]))
        self.assertEqual(files.listdir("none"), ([], []))
        with self.assertRaises(SuspiciousFileOperation):
            files.listdir("../")


class Times(WorkerTestCase):
    def setUp(self):
        super().setUp()
        self.files = self.storage("single")
        self.before = datetime.now(timezone.utc) - timedelta(seconds=2)
        self.files.save("a.txt", ContentFile(b"x"))

    def assert_now(self, aware):
        self.assertLess(self.before, aware)
        self.assertLess(aware, datetime.now(timezone.utc) + timedelta(seconds=2))

    @override_settings(USE_TZ=True, TIME_ZONE="Asia/Tokyo")
    def test_are_aware_with_time_zones(self):
        for told in (self.files.get_modified_time("a.txt"), self.files.get_created_time("a.txt")):
            self.assertTrue(is_aware(told))
            self.assert_now(told)

    @override_settings(USE_TZ=False, TIME_ZONE="Asia/Tokyo")
    def test_are_naive_in_the_default_time_zone_without(self):
        told = self.files.get_modified_time("a.txt")
        self.assertFalse(is_aware(told))
        self.assert_now(make_aware(told))

    def test_that_no_backend_records_are_not_implemented(self):
        with self.assertRaises(NotImplementedError):
            self.files.get_accessed_time("a.txt")


class Urls(WorkerTestCase):
    def test_are_quoted(self):
        files = self.storage("single", media_url="https://media.example.com/m", location="")
        self.assertEqual(files.url("a.txt"), "https://media.example.com/m/a.txt")
        self.assertEqual(
            files.url("a/b c+d%?#&=é'(!).txt"),
            "https://media.example.com/m/a/b%20c%2Bd%25%3F%23%26%3D%C3%A9%27%28%21%29.txt",
        )
        self.assertEqual(files.url("a\\b.txt"), "https://media.example.com/m/a/b.txt")

    def test_need_no_request(self):
        files = self.storage("single", base_url="http://127.0.0.1:1/", location="media")
        self.assertEqual(files.url("a b.txt"), "http://127.0.0.1:1/media/a%20b.txt")

    def test_never_lead_out_of_the_location(self):
        for name in ("../a.txt", "a/../../b.txt", "a\\..\\..\\b.txt", "/a.txt"):
            with self.subTest(name), self.assertRaises(SuspiciousFileOperation):
                self.storage("single").url(name)

    def test_come_from_the_worker_if_wanted(self):
        files = self.storage("single", urls_from_api=True, location="")
        for name in NAMES:
            self.assertEqual(files.url(name), self.storage("single", location="").url(name))

    def test_are_signed_for_media_that_are_not_public(self):
        files = self.storage("private")
        for name in ("a.txt", "b c+ü'(1).txt"):
            files.save(name, ContentFile(name.encode()))
            signed = self.storage("private", signing_key=("2026-11", WORKERS["private"]["token"] * 4), expires_in=60)
            self.assertEqual(self.fetch(signed.url(name)).body, name.encode())
            by_worker = self.storage("private", urls_from_api=True, expires_in=60)
            self.assertEqual(self.fetch(by_worker.url(name)).body, name.encode())
            with self.assertRaises(HTTPError) as caught:
                self.fetch(files.url(name))
            caught.exception.close()
            self.assertEqual(caught.exception.code, 403)


class Unsized(File):
    """A content that cannot tell its length, such as one that is still being computed."""

    def __init__(self, data):
        super().__init__(None, "unsized")
        self.data = data

    @property
    def size(self):
        raise AttributeError

    def chunks(self, chunk_size=None):
        for at in range(0, len(self.data), 1000):
            yield self.data[at : at + 1000]


class Failing(Unsized):
    def chunks(self, chunk_size=None):
        yield from super().chunks()
        raise ZeroDivisionError("no more")
