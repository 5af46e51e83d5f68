import django

from .workers import WORKERS

SECRET_KEY = "only for tests"
INSTALLED_APPS = ["tests"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

if django.VERSION >= (4, 2):
    STORAGES = {
        "default": {"BACKEND": "fallback_storage_django.WorkerStorage", "OPTIONS": WORKERS["single"]},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
else:
    DEFAULT_FILE_STORAGE = "fallback_storage_django.WorkerStorage"
FALLBACK_STORAGE = WORKERS["single"]
