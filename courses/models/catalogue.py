"""What is on sale."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.audit import tracked
from accounts.models import ImportBatch, Party
from courses.choices import CourseState, CreatorRole, LessonKind, Level


def _local(english: str, chinese: str) -> str:
    return chinese if chinese and (get_language() or "").startswith("zh") else english


class Topic(models.Model):
    """A field of the catalogue, such as languages or big data."""

    code = models.SlugField(_("code"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=120)
    name_zh = models.CharField(_("name in Chinese"), max_length=120, blank=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("topic")
        verbose_name_plural = _("topics")
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.local_name

    @property
    def local_name(self) -> str:
        """Name in the reader's language."""
        return _local(self.name, self.name_zh)


@tracked(exclude=("search",))
class Course(models.Model):
    """A course that people buy. Texts stand in English and Chinese side by side."""

    slug = models.SlugField(_("address"), max_length=80, unique=True)
    title = models.CharField(_("title"), max_length=200)
    title_zh = models.CharField(_("title in Chinese"), max_length=200, blank=True)
    summary = models.CharField(_("summary"), max_length=400, blank=True)
    summary_zh = models.CharField(_("summary in Chinese"), max_length=400, blank=True)
    outcomes = models.JSONField(_("what you will be able to do"), default=list, blank=True)
    outcomes_zh = models.JSONField(_("what you will be able to do, in Chinese"), default=list, blank=True)
    description = models.TextField(_("description"), blank=True)
    description_zh = models.TextField(_("description in Chinese"), blank=True)
    topic = models.ForeignKey(Topic, on_delete=models.PROTECT, related_name="courses", verbose_name=_("topic"))
    creators = models.ManyToManyField(
        Party, through="CourseCreator", related_name="courses", verbose_name=_("creators")
    )
    level = models.CharField(_("level"), max_length=12, choices=Level.choices, default=Level.BEGINNER)
    language = models.CharField(_("language"), max_length=10, default="zh-hans")
    price_minor = models.PositiveBigIntegerField(_("price in minor units"))
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    state = models.CharField(_("state"), max_length=10, choices=CourseState.choices, default=CourseState.DRAFT)
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)
    search = SearchVectorField(null=True, editable=False)
    import_batch = models.ForeignKey(
        ImportBatch, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("import")
    )

    class Meta:
        verbose_name = _("course")
        verbose_name_plural = _("courses")
        indexes = [
            GinIndex(fields=["search"], name="courses_course_search"),
            # For words that were mistyped: nearest titles by shared trigrams.
            GinIndex(OpClass("title", name="gin_trgm_ops"), name="courses_course_title"),
            models.Index(fields=["state", "-published_at", "-id"], name="courses_course_recent"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="published") | models.Q(published_at__isnull=False),
                name="courses_published_when",
            ),
            models.CheckConstraint(condition=models.Q(currency__regex=r"^[A-Z]{3}$"), name="courses_course_currency"),
        ]

    def __str__(self) -> str:
        return self.local_title

    @property
    def local_title(self) -> str:
        """Title in the reader's language."""
        return _local(self.title, self.title_zh)

    @property
    def local_summary(self) -> str:
        """Summary in the reader's language."""
        return _local(self.summary, self.summary_zh)

    @property
    def local_description(self) -> str:
        """Description in the reader's language."""
        return _local(self.description, self.description_zh)

    @property
    def local_outcomes(self) -> list[str]:
        """Outcomes in the reader's language."""
        zh = self.outcomes_zh and (get_language() or "").startswith("zh")
        return list(self.outcomes_zh if zh else self.outcomes)


@tracked()
class CourseCreator(models.Model):
    """A creator's part in a course. What it pays stands in the agreement."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="credits", verbose_name=_("course"))
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="course_credits", verbose_name=_("creator"))
    role = models.CharField(_("part"), max_length=4, choices=CreatorRole.choices, default=CreatorRole.LEAD)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("creator of a course")
        verbose_name_plural = _("creators of courses")
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["course", "party"], name="courses_creator_once")]

    def __str__(self) -> str:
        return f"{self.course}: {self.party}"


class Prerequisite(models.Model):
    """One course that another asks for. The database refuses a ring: see migration 0006."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="prerequisites", verbose_name=_("course"))
    requires = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="leads_to", verbose_name=_("asks for"))

    class Meta:
        verbose_name = _("prerequisite")
        verbose_name_plural = _("prerequisites")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["course", "requires"], name="courses_prerequisite_once"),
            models.CheckConstraint(
                condition=~models.Q(course=models.F("requires")), name="courses_prerequisite_of_another"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.course} ← {self.requires}"


VIDEO = r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[^\s;,'\"<>]*\.(mp4|webm)(\?[^\s;,'\"<>]*)?$"
"""A file's address, and nothing in it that a content security policy or a page would take for more."""


class Section(models.Model):
    """A chapter of a course."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="sections", verbose_name=_("course"))
    title = models.CharField(_("title"), max_length=200)
    title_zh = models.CharField(_("title in Chinese"), max_length=200, blank=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("section")
        verbose_name_plural = _("sections")
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.local_title

    @property
    def local_title(self) -> str:
        """Title in the reader's language."""
        return _local(self.title, self.title_zh)


class Lesson(models.Model):
    """A lesson; free previews open for everyone, the rest for enrolled learners."""

    section = models.ForeignKey(Section, on_delete=models.CASCADE, related_name="lessons", verbose_name=_("section"))
    title = models.CharField(_("title"), max_length=200)
    title_zh = models.CharField(_("title in Chinese"), max_length=200, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=LessonKind.choices, default=LessonKind.VIDEO)
    duration_seconds = models.PositiveIntegerField(_("duration in seconds"), default=0)
    video = models.CharField(
        _("video"),
        max_length=500,
        blank=True,
        default="",
        db_default="",
        validators=[RegexValidator(VIDEO, _("An https address of a video file that ends in .mp4 or .webm."))],
        help_text=_("An https address of a video file that ends in .mp4 or .webm; it is shown above the text."),
    )
    body = models.TextField(_("text"), blank=True)
    body_zh = models.TextField(_("text in Chinese"), blank=True)
    is_preview = models.BooleanField(_("free preview"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("lesson")
        verbose_name_plural = _("lessons")
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(video="") | models.Q(video__regex=VIDEO), name="courses_lesson_video"
            ),
        ]

    def __str__(self) -> str:
        return self.local_title

    @property
    def local_title(self) -> str:
        """Title in the reader's language."""
        return _local(self.title, self.title_zh)

    @property
    def local_body(self) -> str:
        """Text in the reader's language."""
        return _local(self.body, self.body_zh)
