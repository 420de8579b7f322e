"""Suggestions for programs: the same lists as on pages, kept the same way."""

from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle

from courses.selectors import on_sale
from courses.views.frame import learner_of, may_observe, observed_visitor
from recommender.choices import Slot, Source
from recommender.services import Suggestions, cards_of, click_record, suggest_tried

MOST = 20


class ByReader(SimpleRateThrottle):
    """Each person, or each address, has its own pace."""

    scope = "recommendations"
    rate = "600/min"

    def get_cache_key(self, request: Request, view: Any) -> str | None:  # noqa: ARG002 - DRF's signature
        """One count for each person, else for each address."""
        user = request.user
        return f"throttle.recommendations.{user.pk if user.is_authenticated else self.get_ident(request)}"


class AskedSerializer(serializers.Serializer[Any]):
    """What may be asked for."""

    slot = serializers.ChoiceField(choices=[Slot.API, Slot.HOME, Slot.COURSE, Slot.BOUGHT], default=Slot.API)
    course = serializers.IntegerField(required=False, help_text="Id of the course beside which the list stands.")
    limit = serializers.IntegerField(default=10, min_value=1, max_value=MOST)


class PartSerializer(serializers.Serializer[Any]):
    """A course of the reader's and what it added to the score."""

    course = serializers.IntegerField()
    amount = serializers.FloatField()


class PlaceSerializer(serializers.Serializer[Any]):
    """A suggested course. `parts`, `features` and `rest` add up to `score`."""

    position = serializers.IntegerField()
    course = serializers.IntegerField()
    title = serializers.CharField()
    price_minor = serializers.IntegerField(help_text="In minor units of `currency`.")
    currency = serializers.CharField()
    open_url = serializers.CharField(help_text="Leads to the course's page and counts as a click.")
    why = serializers.CharField(help_text="The reason in words, in the language asked for.")
    found_by = serializers.ChoiceField(choices=Source.choices)
    score = serializers.FloatField()
    propensity = serializers.FloatField(help_text="Probability of this course at this place, given those before it.")
    parts = PartSerializer(many=True)
    features = serializers.DictField(child=serializers.FloatField())
    rest = serializers.FloatField()


class ListSerializer(serializers.Serializer[Any]):
    """A list as it was kept; empty lists have no code."""

    list = serializers.UUIDField(allow_null=True)
    personal = serializers.BooleanField(help_text="False: the reader wants none, so what many learn stands here.")
    model = serializers.IntegerField(allow_null=True, help_text="Training run that spoke; null: popularity alone.")
    items = PlaceSerializer(many=True)


class ClickSerializer(serializers.Serializer[Any]):
    """Which place of which list was opened."""

    list = serializers.UUIDField()
    position = serializers.IntegerField(min_value=1, max_value=32_767)


class RecommendationViewSet(viewsets.ViewSet):
    """Suggested courses for who asks: by their session, else by their browser."""

    permission_classes = (AllowAny,)
    throttle_classes = (ByReader,)

    @extend_schema(
        parameters=[
            OpenApiParameter("slot", enum=[Slot.API, Slot.HOME, Slot.COURSE, Slot.BOUGHT], default=Slot.API),
            OpenApiParameter("course", int, description="Id of the course beside which the list stands."),
            OpenApiParameter("limit", int, description=f"1 to {MOST}, 10 if left out."),
        ],
        responses={200: ListSerializer, 404: OpenApiResponse(description="The course is not on sale.")},
    )
    def list(self, request: Request) -> Response:
        """Suggest courses. Every answer is kept as shown, so ask for what is really shown and no more."""
        asked = AskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        beside = None
        if (pk := asked.validated_data.get("course")) is not None:
            beside = on_sale().filter(pk=pk).first()
            if beside is None:
                raise Http404(_("There is no such course on sale."))
        found = suggest_tried(
            user=learner_of(request._request),
            visitor_key=observed_visitor(request._request),
            slot=Slot(asked.validated_data["slot"]),
            course=beside,
            limit=asked.validated_data["limit"],
            observed=may_observe(request._request),
            arrived=getattr(request._request, "visitor_arrived", None),
            keep=request.method != "HEAD",
        )
        body = {"list": found.code, "personal": found.personal, "model": found.run, "items": _places(request, found)}
        return Response(ListSerializer(body).data)

    @extend_schema(
        request=ClickSerializer,
        responses={
            204: OpenApiResponse(description="Kept, once."),
            404: OpenApiResponse(description="There is no such place."),
        },
    )
    @action(detail=False, methods=["post"])
    def clicks(self, request: Request) -> Response:
        """Say that a suggestion was opened, where `open_url` was not used."""
        told = ClickSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        course = click_record(
            code=told.validated_data["list"],
            position=told.validated_data["position"],
            visitor_key=observed_visitor(request._request),
        )
        if course is None:
            raise Http404(_("There is no such suggestion any more."))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _places(request: Request, found: Suggestions) -> list[dict[str, Any]]:
    return [
        {
            "position": card["position"],
            "course": card["key"],
            "title": card["title"],
            "price_minor": card["minor"],
            "currency": card["currency"],
            "open_url": request.build_absolute_uri(f"/suggestions/open/{found.code}/{card['position']}/"),
            "why": card["reason_text"],
            "found_by": choice.source,
            "score": choice.score,
            "propensity": choice.propensity,
            "parts": [{"course": course, "amount": amount} for course, amount in choice.reason["parts"]],
            "features": choice.reason["features"],
            "rest": choice.reason["rest"],
        }
        for card in cards_of(found)
        for choice in [found.choices[card["position"] - 1]]
    ]


VIEWSETS = {"recommendations": RecommendationViewSet}
