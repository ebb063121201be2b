"""What keeps a policy from a choice besides its own rules; the kind decides what each class means for the object.

NotScanned            the repository was not scanned yet, or not for its present image
TagsNotRead           the API did not give the stored tags
ImageNotRead          a registry did not give what was asked about an image
 +- AccessNotRead     its credentials cannot be read

These pass unchanged: policy.errors.InvalidPolicy, NoTags and SelectionFailed, and taglist.reader.TagListNotFound.
"""

from datetime import timedelta


class NotScanned(Exception):
    """There are no tags to choose from before the ImageRepository's next scan."""


class TagsNotRead(Exception):
    """The stored tags could not be read; another try may help."""


class ImageNotRead(Exception):
    """An image's digest or metadata could not be read; another try may help."""

    def __init__(
        self, message: str, *, retry_after: timedelta | None = None, left_alone: timedelta = timedelta()
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """How long the registry asked to be left alone."""
        self.left_alone = left_alone
        """It was not asked, and will not be for this long."""


class AccessNotRead(ImageNotRead):
    """A Secret or login is missing that the registry needs."""
