"""Models whose files are in a Worker."""

import tempfile

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.test import TestCase

from fallback_storage_django import WorkerStorage

from .models import Document


class Files(TestCase):
    def test_are_stored_in_the_default_storage(self):
        self.assertIsInstance(Document._meta.get_field("file").storage._wrapped, WorkerStorage)
        document = Document()
        document.file.save("résumé (1).txt", ContentFile(b"text"))
        stored = Document.objects.get(pk=document.pk)
        self.assertRegex(stored.file.name, r"^documents/\d{4}/résumé_1(_\w{7})?\.txt$")
        self.assertEqual(stored.file.size, 4)
        self.assertTrue(stored.file.url.endswith(".txt"))
        with stored.file.open() as file:
            self.assertEqual(file.read(), b"text")
        with stored.file.open("r") as file:
            self.assertEqual(file.read(), "text")
        stored.file.delete()
        self.assertFalse(default_storage.exists(document.file.name))
        self.assertEqual(Document.objects.get(pk=document.pk).file.name, "")

    def test_with_equal_names_are_kept_apart(self):
        documents = [Document.objects.create(file=ContentFile(b"%d" % i, name="same.txt")) for i in range(3)]
        self.assertEqual(len({document.file.name for document in documents}), 3)
        self.assertEqual([document.file.read() for document in documents], [b"0", b"1", b"2"])
        for document in documents:
            document.file.close()
            document.file.delete(save=False)

    def test_have_names_of_at_most_max_length(self):
        document = Document.objects.create(file=ContentFile(b"x", name="long" * 40 + ".txt"))
        self.assertEqual(len(document.file.name), 60)
        self.assertTrue(default_storage.exists(document.file.name))

    def test_may_be_uploads_on_disk(self):
        with TemporaryUploadedFile("big.bin", "application/octet-stream", 3_000_000, None) as upload:
            upload.write(b"x" * 3_000_000)
            upload.seek(0)
            document = Document.objects.create(file=upload)
        self.assertEqual(document.file.size, 3_000_000)
        with tempfile.TemporaryFile() as copy:
            for chunk in document.file.chunks():
                copy.write(chunk)
            self.assertEqual(copy.tell(), 3_000_000)
        document.file.close()
