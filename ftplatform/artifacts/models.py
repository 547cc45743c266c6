"""Files by content. A blob is one file by its sha256; a manifest is a folder of them.

No view looks a blob up by its hash for a caller: access goes through the object that owns it.
"""

from django.db import models


class Blob(models.Model):
    sha256 = models.CharField(primary_key=True, max_length=64)
    size = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.sha256[:12]} ({self.size} bytes)"

    @property
    def storage_name(self) -> str:
        return f"blobs/{self.sha256[:2]}/{self.sha256}"


class Manifest(models.Model):
    """A folder: path → blob. `sha256` is of the canonical list of both, so equal folders are one manifest."""

    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.sha256[:12]

    @property
    def size(self) -> int:
        return sum(file.blob.size for file in self.files.select_related("blob"))


class ManifestFile(models.Model):
    manifest = models.ForeignKey(Manifest, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=500)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["manifest", "path"], name="one_file_a_path")]

    def __str__(self) -> str:
        return self.path
