"""What programs may tell analytics: touches that no page of ours saw."""

from hashlib import sha256
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle

from accounts.scope import all_rows
from analytics.errors import TouchRefusedError
from analytics.rules import SUB_ID_LENGTH, SUB_IDS, UTM_KEYS
from analytics.services import ReportedTouch, touch_report


class ProgramKey(BaseAuthentication):
    """`Authorization: Bearer KEY`, one of PORTAL_TOUCH_KEYS; who calls is known by the beginning of the key's hash."""

    def authenticate(self, request: Request) -> tuple[None, str] | None:
        """Find the key; AuthenticationFailed for one that is not among them."""
        scheme, _space, given = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        found = [key for key in settings.TOUCH_KEYS if compare_digest(key.encode(), given.strip())]
        if not found:
            raise AuthenticationFailed(_("This key is not known."))
        return None, sha256(found[0].encode()).hexdigest()[:16]

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        """What a caller without a key is asked for."""
        return "Bearer"


class ProgramKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # spectacular registers subclasses, untyped
    """How the schema names the key."""

    target_class, name = ProgramKey, "programKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002 - spectacular's signature
        """A bearer key."""
        return {"type": "http", "scheme": "bearer"}


class HasKey(BasePermission):
    """A program that showed a key."""

    def has_permission(self, request: Request, view: Any) -> bool:  # noqa: ARG002 - DRF's signature
        """Whether it did."""
        return isinstance(request.auth, str)


class ByKey(SimpleRateThrottle):
    """Each key has its own pace."""

    scope = "touches"
    rate = "1200/min"

    def get_cache_key(self, request: Request, view: Any) -> str | None:  # noqa: ARG002 - DRF's signature
        """One count for each key."""
        return f"throttle.touches.{request.auth}"


class Refused(APIException):
    """A touch that cannot be taken as it is."""

    status_code = status.HTTP_409_CONFLICT


class TouchSerializer(serializers.Serializer[Any]):
    """A touch; exactly one of `link`, `channel` and `landing` says how the visitor came."""

    external_id = serializers.CharField(max_length=100, help_text="Yours for this touch; told again it is the same.")
    visitor = serializers.UUIDField(help_text="What the cookie `tv` of the browser holds, or a UUID of yours.")
    occurred_at = serializers.DateTimeField(help_text="With its offset; at most a year ago.")
    link = serializers.SlugField(required=False, max_length=64, help_text="Code of a tracking link.")
    channel = serializers.SlugField(required=False, max_length=64, help_text="Code of a channel.")
    landing = serializers.CharField(
        required=False, max_length=2000, help_text="Address with its UTM tags; the rules for arrivals name the channel."
    )
    referrer = serializers.CharField(required=False, default="", max_length=2000, help_text="Only with `landing`.")
    utm = serializers.DictField(
        child=serializers.CharField(max_length=200), required=False, default=dict, help_text="utm_source and the like."
    )
    sub_ids = serializers.DictField(
        child=serializers.CharField(max_length=SUB_ID_LENGTH), required=False, default=dict, help_text="sub1 to sub5."
    )
    consent = serializers.BooleanField(required=False, default=True, help_text="The visitor agreed to be measured.")

    def validate_landing(self, landing: str) -> str:
        """What has the form of an address."""
        try:
            urlsplit(landing)
        except ValueError:
            raise serializers.ValidationError(_("This is no address of a page.")) from None
        return landing

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One way of coming, and no keys but ours."""
        if sum(name in attrs for name in ("link", "channel", "landing")) != 1:
            raise serializers.ValidationError(_("Give exactly one of link, channel and landing."))
        for name, known in (("utm", UTM_KEYS), ("sub_ids", SUB_IDS)):
            if strange := sorted(set(attrs[name]) - set(known)):
                raise serializers.ValidationError({name: _("“%(key)s” is not known.") % {"key": strange[0]}})
        return attrs


class TouchViewSet(viewsets.ViewSet):
    """Touches reported by programs."""

    authentication_classes = (ProgramKey,)
    permission_classes = (HasKey,)
    throttle_classes = (ByKey,)
    serializer_class = TouchSerializer

    @extend_schema(
        request=TouchSerializer,
        responses={
            201: OpenApiResponse(description="Kept."),
            200: OpenApiResponse(description="Kept before; nothing was added."),
            409: OpenApiResponse(description="Another touch was told under this id, or the link or channel is closed."),
        },
    )
    def create(self, request: Request) -> Response:
        """Keep a touch, once for each id of the program's. Money never moves by it."""
        told = TouchSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        try:
            with all_rows():
                new = touch_report(source=str(request.auth), touch=ReportedTouch(**told.validated_data))
        except TouchRefusedError as error:
            raise Refused(str(error)) from error
        return Response({"kept": new}, status=status.HTTP_201_CREATED if new else status.HTTP_200_OK)


VIEWSETS = {"touches": TouchViewSet}
