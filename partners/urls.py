"""Addresses of creators and partners, under /creator/."""

from django.urls import URLPattern, URLResolver, path, re_path

from partners.views import agreements, claims, home, lines, links, messages, payouts, postings, statements

app_name = "partners"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("earnings.csv", home.lines_csv, name="csv"),
    path("lines/<int:pk>/", lines.line, name="line"),
    path("lines/<int:pk>/proof.json", lines.proof, name="proof"),
    path("postings/<int:pk>/", postings.posting, name="posting"),
    path("payouts/", payouts.payouts, name="payouts"),
    path("payouts/details/", payouts.details, name="payout_details"),
    path("statements/", statements.statements, name="statements"),
    path("statements/<str:month>/", statements.statement, name="statement"),
    re_path(
        r"^statements/(?P<month>[0-9-]+)\.(?P<kind>pdf|csv|json)$", statements.statement_file, name="statement_file"
    ),
    path("claims/", claims.claims, name="claims"),
    path("claims/<int:pk>/", claims.claim, name="claim"),
    path("claims/<int:pk>/appeal/", claims.appeal, name="claim_appeal"),
    path("claims/<int:pk>/withdraw/", claims.withdraw, name="claim_withdraw"),
    path("messages/", messages.letters, name="messages"),
    path("links/", links.links, name="links"),
    path("links/<slug:code>.svg", links.qr, name="qr"),
    path("agreements/", agreements.agreements, name="agreements"),
    path("agreements/<int:pk>/accept/", agreements.accept, name="accept"),
    path("agreements/<int:pk>/decline/", agreements.decline, name="decline"),
    path("agreements/<int:pk>/leave/", agreements.leave, name="leave"),
]
