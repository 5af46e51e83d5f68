"""The Workers that the tests use, which test/clients/django.test.ts starts: {name: {"base_url", "token"}}."""

import json
import os
import time
import uuid
from urllib.request import urlopen

from django.test import SimpleTestCase

from fallback_storage_django import WorkerStorage

WORKERS = json.loads(os.environ["WORKERS"])


class WorkerTestCase(SimpleTestCase):
    """Each test has a directory of its own."""

    def setUp(self):
        self.location = uuid.uuid4().hex

    def storage(self, worker, **options):
        return WorkerStorage(**{**WORKERS[worker], "location": self.location, **options})

    def read(self, storage, name):
        with storage.open(name) as file:
            return file.read()

    def fetch(self, url):
        """What a browser gets, with its type in `headers`."""
        with urlopen(url) as response:
            response.body = response.read()
        return response

    def eventually(self, condition, patience=30):
        until = time.monotonic() + patience
        while not condition():
            self.assertLess(time.monotonic(), until, "it did not happen")
            time.sleep(0.03)
