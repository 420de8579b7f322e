"""The table of the walk: one row a route, who may enter it and how it answers.

People are letters, see `PEOPLE`. An expectation reads "- login, lab 404, *200": anonymous is sent to the login, the
learner, alice and bob get 404, all others 200. Words in braces are ids of carol's things in the world.
"""

from dataclasses import dataclass, field
from functools import cache

PEOPLE = {
    "-": "", "l": "lee", "a": "alice", "b": "bob", "c": "carol",
    "m": "mei", "f": "finn", "u": "ada", "k": "marco", "o": "olga",
}  # fmt: skip
"""Letter -> who in the cast: anonymous, learner, three creators; manager, finance, auditor, marketer, operator."""

STRANGERS = "-lab"
"""Who must read nothing of carol's."""


@dataclass(frozen=True)
class Row:
    """One route: an address, what GET, POST and `others` answer, and what is known about carol's canary there.

    `same`: for strangers an id of carol's and one that does not exist answer alike. `sees`: GET shows these people the
    canary, which proves that there is something to leak. `public`: carol's names may be read here by anybody.
    """

    at: str
    get: str = "405"
    post: str = "405"
    others: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    same: bool = False
    sees: str = ""
    public: bool = False
    htmx: bool = False
    people: str = "".join(PEOPLE)

    def __hash__(self) -> int:
        return hash(self.at)


@cache
def expected(row: Row, method: str) -> dict[str, str]:
    """Letter -> status that the row expects."""
    text = {"get": row.get, "post": row.post, **row.others}[method]
    found: dict[str, str] = {}
    for part in text.split(","):
        letters, _, status = part.strip().rpartition(" ")
        for letter in letters or row.people:
            if letter in row.people:
                found.setdefault(letter, status)
    return found


OPEN, CLOSED = "200", "405"
MEMBERS = "- login, 200"
SEATED = "- login, lmfuko 403, abc 200"
MARKETING = "- login, labco 403, mfuk 200"
OUT = "-labc login"
FEW = "-lcmo"
"""Pages that the library serves answer all people who are signed in alike; some of them walk."""


def account(at: str, get: str = MEMBERS, post: str = CLOSED) -> Row:
    """A page of the library's."""
    return Row(at, get=get, post=post, people=FEW)


ROWS: dict[str, Row] = {
    "healthz": Row("/healthz", get=OPEN, post=OPEN, others=dict.fromkeys(("put", "patch", "delete"), OPEN)),
    "go:go": Row("/go/{link}", get="302", public=True),
    "consent": Row("/consent/", get=OPEN, post="302"),
    "patterns": Row(
        "/patterns/",
        get="- login, labc 403, 200",
        post="- login, labc 403, 200",
        others=dict.fromkeys(("put", "patch", "delete"), "- login, labc 403, 200"),
    ),
    "calendar": Row("/calendar/?month=2026-03", get=OPEN),
    "palette": Row("/palette/?q=harbour", get=OPEN, public=True),
    # the creator's portal: another's party in the query is the reader's own, another's id is nothing
    "partners:home": Row("/creator/?party={party}", get=SEATED, sees="c", same=True),
    "partners:csv": Row("/creator/earnings.csv?party={party}", get=SEATED, sees="c", same=True),
    "partners:line": Row(
        "/creator/lines/{line}/?party={party}", get="- login, lmfuko 403, ab 404, 200", sees="c", same=True
    ),
    "partners:proof": Row(
        "/creator/lines/{line}/proof.json?party={party}", get="- login, lmfuko 403, ab 404, 200", sees="c", same=True
    ),
    "partners:posting": Row(
        "/creator/postings/{posting}/?party={party}", get="- login, lmfuko 403, ab 404, c 200", sees="c", same=True
    ),
    "partners:payouts": Row("/creator/payouts/?party={party}", get=SEATED, sees="c", same=True),
    "partners:payout_details": Row(
        "/creator/payouts/details/?party={party}",
        get="- login, lmfuko 403, abc 302",
        post="- login, lmfuko 403, abc 302",
    ),
    "partners:claims": Row("/creator/claims/?party={party}", get=SEATED, post=SEATED, sees="c", same=True),
    "partners:claim": Row(
        "/creator/claims/{claim}/?party={party}", get="- login, lmfuko 403, ab 404, c 200", sees="c", same=True
    ),
    "partners:claim_appeal": Row(
        "/creator/claims/{claim}/appeal/?party={party}",
        post="- login, lmfuko 403, ab 404, c 302",
        data={"note": "again"},
        same=True,
    ),
    "partners:claim_withdraw": Row(
        "/creator/claims/{claim}/withdraw/?party={party}", post="- login, lmfuko 403, ab 404, c 302", same=True
    ),
    "partners:messages": Row("/creator/messages/?party={party}", get=SEATED, same=True),
    "partners:statements": Row("/creator/statements/?party={party}", get=SEATED, same=True),
    "partners:statement": Row("/creator/statements/{paymonth}/?party={party}&currency=CNY", get=SEATED, sees="c"),
    "partners:statement_file": Row(
        "/creator/statements/{paymonth}.csv?party={party}&currency=CNY", get=SEATED, sees="c"
    ),
    "partners:links": Row("/creator/links/?party={party}", get=SEATED, post=SEATED, sees="c", same=True),
    "partners:qr": Row("/creator/links/{link}.svg?party={party}", get="- login, lmfuko 403, ab 404, 200", same=True),
    "partners:agreements": Row("/creator/agreements/?party={party}", get=SEATED, sees="c", same=True),
    "partners:accept": Row(
        "/creator/agreements/{version}/accept/?party={party}",
        post="- login, lmfuko 403, ab 404, c 302",
        data={"text_hash": "{hash}"},
        same=True,
    ),
    "partners:decline": Row(
        "/creator/agreements/{version}/decline/?party={party}",
        post="- login, lmfuko 403, ab 404, c 302",
        data={"d{version}-reason": "no"},
        same=True,
    ),
    "partners:leave": Row(
        "/creator/agreements/{agreement}/leave/?party={party}", post="- login, lmfuko 403, ab 404, c 302", same=True
    ),
    # the marketer's pages
    "analytics:overview": Row(
        "/marketing/?since={since}&until={until}&currency=CNY&window=30", get=MARKETING, sees="mfuk"
    ),
    "analytics:report_csv": Row(
        "/marketing/report.csv?since={since}&until={until}&currency=CNY&window=30", get=MARKETING, sees="mfuk"
    ),
    "analytics:explorer": Row(
        "/marketing/attribution/?since={since}&until={until}&currency=CNY&window=30", get=MARKETING, sees="mfuk"
    ),
    "analytics:explorer_csv": Row(
        "/marketing/attribution.csv?since={since}&until={until}&currency=CNY&window=30", get=MARKETING, sees="mfuk"
    ),
    "analytics:journeys": Row("/marketing/journeys/?since={since}&until={until}&currency=CNY&window=30", get=MARKETING),
    "analytics:journeys_csv": Row(
        "/marketing/journeys.csv?since={since}&until={until}&currency=CNY&window=30", get=MARKETING
    ),
    "analytics:cohorts": Row("/marketing/cohorts/?since={since}&until={until}&currency=CNY&window=30", get=MARKETING),
    "analytics:cohorts_csv": Row(
        "/marketing/cohorts.csv?since={since}&until={until}&currency=CNY&window=30", get=MARKETING
    ),
    "analytics:again": Row("/marketing/runs/again/", post="- login, labcuo 403, 302"),
    "analytics:progress": Row("/marketing/runs/{run}/", get=MARKETING, same=True),
    "analytics:campaigns": Row("/marketing/campaigns/", get=MARKETING),
    "analytics:campaigns_csv": Row("/marketing/campaigns.csv", get=MARKETING),
    # suggestions
    "recommender:home": Row("/suggestions/home/", get=OPEN, public=True),
    "recommender:course": Row("/suggestions/course/{course}/", get=OPEN, public=True),
    "recommender:bought": Row("/suggestions/bought/", get=OPEN, public=True),
    "recommender:open": Row("/suggestions/open/{shown}/1/", get="302", public=True),
    "recommender:why": Row("/suggestions/why/{shown}/1/", get="- login, c 200, 404", same=True),
    "recommender:undo": Row("/suggestions/undo/{course}/", post="- login, 302", public=True),
    "recommender:yours": Row("/suggestions/yours/", get=MEMBERS, public=True),
    "recommender:interests": Row("/suggestions/interests/", get=MEMBERS, post=MEMBERS, data={"topics": "0"}),
    "recommender:personal": Row("/suggestions/personal/", post="- login, 302", data={"personal": "1"}),
    "recommender:dismiss": Row("/suggestions/dismiss/{course}/", post="- login, 302", public=True),
    # one's own account
    "admin/login/": Row("/admin/login/", get="- login, labc 403, 302", post="- login, labc 403, 200"),
    "accounts:you": Row("/accounts/you/", get=MEMBERS, post=MEMBERS, sees="c"),
    "account_login": account("/accounts/login/", "- 200, 302", "- 200, 302"),
    "account_logout": account("/accounts/logout/", "- 302, 200", "302"),
    "account_inactive": account("/accounts/inactive/", OPEN),
    "account_signup": account("/accounts/signup/", "- 200, 302", "- 200, 302"),
    "account_reauthenticate": account("/accounts/reauthenticate/", MEMBERS, MEMBERS),
    "account_email": account("/accounts/email/", MEMBERS, "- login, 302"),
    "account_email_verification_sent": account("/accounts/confirm-email/", OPEN),
    "account_change_password": account("/accounts/password/change/", MEMBERS, MEMBERS),
    "account_set_password": account("/accounts/password/set/", "- login, 302", "- login, 302"),
    "account_reset_password": account("/accounts/password/reset/", OPEN, OPEN),
    "account_confirm_login_code": account("/accounts/login/code/confirm/", "- login, 302", "- login, 302"),
    "account_confirm_email": account("/accounts/confirm-email/none/", OPEN, "404"),
    "account_reset_password_from_key_done": account("/accounts/password/reset/key/done/", OPEN),
    "account_reset_password_from_key": account("/accounts/password/reset/key/9-none/", OPEN, OPEN),
    "account_reset_password_done": account("/accounts/password/reset/done/", OPEN),
    "mfa_index": account("/accounts/2fa/", MEMBERS, "- login, 405"),
    "mfa_authenticate": account("/accounts/2fa/authenticate/", "- login, 302", "- login, 302"),
    "mfa_reauthenticate": account("/accounts/2fa/reauthenticate/", "- login, 302", "- login, 302"),
    "mfa_activate_totp": account("/accounts/2fa/totp/activate/", "- login, 302", "- login, 302"),
    "mfa_deactivate_totp": account("/accounts/2fa/totp/deactivate/", "- login, 404", "- login, 404"),
    "mfa_view_recovery_codes": account("/accounts/2fa/recovery-codes/", "- login, 404", "- login, 405"),
    "mfa_generate_recovery_codes": account("/accounts/2fa/recovery-codes/generate/", "- login, 302", "- login, 302"),
    "mfa_download_recovery_codes": account("/accounts/2fa/recovery-codes/download/", "- login, 404", "- login, 404"),
    "mfa_list_webauthn": account("/accounts/2fa/webauthn/", MEMBERS, "- login, 405"),
    "mfa_add_webauthn": account("/accounts/2fa/webauthn/add/", "- login, 302", "- login, 302"),
    "mfa_reauthenticate_webauthn": account("/accounts/2fa/webauthn/reauthenticate/", "- login, 302", "- login, 302"),
    "mfa_remove_webauthn": account("/accounts/2fa/webauthn/keys/1/remove/", "- login, 302", "- login, 302"),
    "mfa_edit_webauthn": account("/accounts/2fa/webauthn/keys/1/edit/", "- login, 302", "- login, 302"),
    "mfa_login_webauthn": account("/accounts/2fa/webauthn/login/", "- login, 302", "- login, 302"),
    # verbs at desks
    "admin:search": Row("/admin/search/?s=harbour", get=f"{OUT}, 200", post=f"{OUT}, 200"),
    "admin:courses_course_publish": Row(
        "/admin/courses/course/{course}/publish/", get=f"{OUT}, m 200, 403", post=f"{OUT}, m 200, 403"
    ),
    "admin:courses_course_retire": Row(
        "/admin/courses/course/{course}/retire/", get=f"{OUT}, m 200, 403", post=f"{OUT}, m 200, 403"
    ),
    "admin:recommender_trainingrun_rollback": Row(
        "/admin/recommender/trainingrun/rollback/", get=f"{OUT}, 405", post=f"{OUT}, o 302, 403"
    ),
    "admin:recommender_trainingrun_promote_run": Row(
        "/admin/recommender/trainingrun/{training}/promote/", get=f"{OUT}, o 200, 403", post=f"{OUT}, o 200, 403"
    ),
    "admin:recommender_trainingrun_canary_run": Row(
        "/admin/recommender/trainingrun/{training}/canary/", get=f"{OUT}, o 200, 403", post=f"{OUT}, o 200, 403"
    ),
    "admin:recommender_trainingrun_shadow_run": Row(
        "/admin/recommender/trainingrun/{training}/shadow/", get=f"{OUT}, o 200, 403", post=f"{OUT}, o 200, 403"
    ),
    "admin:recommender_trainingrun_stop_run": Row(
        "/admin/recommender/trainingrun/{training}/stop/", get=f"{OUT}, o 200, 403", post=f"{OUT}, o 200, 403"
    ),
    "admin:recommender_experiment_move": Row(
        "/admin/recommender/experiment/{experiment}/move/", get=f"{OUT}, 405", post=f"{OUT}, 403"
    ),
    "admin:courses_order_void": Row(
        "/admin/courses/order/{sale}/void/", get=f"{OUT}, f 200, 403", post=f"{OUT}, f 200, 403"
    ),
    "admin:analytics_channelrule_try_out": Row(
        "/admin/analytics/channelrule/try/?landing=/", get=f"{OUT}, mku 200, 403", post=f"{OUT}, mku 200, 403"
    ),
    "admin:analytics_channelrule_answer": Row(
        "/admin/analytics/channelrule/answer/?landing=/", get=f"{OUT}, mku 200, 403", post=f"{OUT}, mku 200, 403"
    ),
    "admin:accounts_importbatch_reverse_import": Row(
        "/admin/accounts/importbatch/1/reverse/", get=f"{OUT}, f 200, 403", post=f"{OUT}, f 200, 403"
    ),
    "admin:courses_order_refund": Row(
        "/admin/courses/order/{sale}/refund/", get=f"{OUT}, f 200, 403", post=f"{OUT}, f 200, 403"
    ),
    "admin:courses_order_open_dispute": Row(
        "/admin/courses/order/{sale}/dispute/", get=f"{OUT}, f 200, 403", post=f"{OUT}, f 200, 403"
    ),
    "admin:courses_order_take_back": Row(
        "/admin/courses/order/{sale}/refunds/{refund}/take-back/", get=f"{OUT}, f 200, 403", post=f"{OUT}, f 200, 403"
    ),
    "admin:courses_order_decide": Row(
        "/admin/courses/order/{sale}/refunds/{refund}/decide/",
        get=f"{OUT}, f 200, 403",
        post=f"{OUT}, f 302, 403",
        data={"step": "decline"},
    ),
    "admin:courses_order_close_dispute": Row(
        "/admin/courses/order/{own}/disputes/{dispute}/close/", get=f"{OUT}, f 200, 403", post=f"{OUT}, f 200, 403"
    ),
    "admin:partners_claim_step": Row(
        "/admin/partners/claim/{claim}/step/refuse/",
        get=f"{OUT}, 405",
        post=f"{OUT}, mf 302, 403",
        data={"reason": "no_touch", "answer": "no"},
    ),
    "admin:partners_adjustment_step": Row(
        "/admin/partners/adjustment/{adjustment}/step/decline/", get=f"{OUT}, 405", post=f"{OUT}, mf 302, 403"
    ),
    "admin:partners_agreementversion_step": Row(
        "/admin/partners/agreementversion/{version}/step/withdraw/", get=f"{OUT}, 405", post=f"{OUT}, m 302, 403"
    ),
    "admin:partners_line_why": Row(
        "/admin/partners/earningdecision/{line}/why/",
        get=f"{OUT}, mfu 200, 403",
        post=f"{OUT}, mfu 200, 403",
        sees="mfu",
    ),
    "admin:partners_posting_why": Row(
        "/admin/partners/earningdecision/posting/{posting}/why/",
        get=f"{OUT}, mfu 200, 403",
        post=f"{OUT}, mfu 200, 403",
        sees="mfu",
    ),
    "admin:partners_statement_issue": Row(
        "/admin/partners/statement/issue/", get=f"{OUT}, f 302, 403", post=f"{OUT}, f 302, 403"
    ),
    "admin:partners_statement_file": Row(
        "/admin/partners/statement/{statement}/statement.json",
        get=f"{OUT}, mfu 200, 403",
        post=f"{OUT}, 405",
        sees="mfu",
    ),
    "admin:partners_replay_csv": Row(
        "/admin/partners/replay/{replay}/csv/", get=f"{OUT}, mfu 200, 403", post=f"{OUT}, mfu 200, 403", sees="mfu"
    ),
    "admin:partners_replay_progress": Row(
        "/admin/partners/replay/{replay}/progress/", get=f"{OUT}, mfu 200, 403", post=f"{OUT}, mfu 200, 403"
    ),
    "admin:partners_replay_act": Row(
        "/admin/partners/replay/{replay}/act/again/", get=f"{OUT}, 405", post=f"{OUT}, mf 302, 403"
    ),
    "admin:ledger_payoutrun_prepare": Row(
        "/admin/ledger/payoutrun/prepare/", get=f"{OUT}, f 200, 403", post=f"{OUT}, f 200, 403"
    ),
    "admin:ledger_payoutrun_step": Row(
        "/admin/ledger/payoutrun/{payrun}/step/submit/", get=f"{OUT}, 405", post=f"{OUT}, f 302, 403"
    ),
    "admin:ledger_payoutrun_file": Row(
        "/admin/ledger/payoutrun/{payrun}/bank.csv", get=f"{OUT}, 405", post=f"{OUT}, f 200, 403"
    ),
    "admin:ledger_payoutrun_progress": Row(
        "/admin/ledger/payoutrun/{payrun}/progress/", get=f"{OUT}, mfu 200, 403", post=f"{OUT}, 405"
    ),
    "admin:ledger_closedperiod_open": Row(
        "/admin/ledger/closedperiod/open/", get=f"{OUT}, mfu 200, 403", post=f"{OUT}, 405"
    ),
    "admin:ledger_closedperiod_open_page": Row(
        "/admin/ledger/closedperiod/to-open/", get=f"{OUT}, mfu 302, 403", post=f"{OUT}, mfu 302, 403"
    ),
    "admin:ledger_closedperiod_step": Row(
        "/admin/ledger/closedperiod/open/2020-01/prepare/", get=f"{OUT}, 405", post=f"{OUT}, f 302, 403"
    ),
    "admin:ledger_payouthold_place": Row(
        "/admin/ledger/payouthold/place/", get=f"{OUT}, mf 200, 403", post=f"{OUT}, mf 200, 403"
    ),
    # the machine's door, languages, crawlers
    "api:schema": Row("/api/v1/schema/", get=OPEN),
    "api:touches-list": Row(
        "/api/v1/touches/", get="401", post="401", others=dict.fromkeys(("put", "patch", "delete"), "401")
    ),
    "api:recommendations-list": Row("/api/v1/recommendations/", get=OPEN, public=True),
    "api:recommendations-clicks": Row("/api/v1/recommendations/clicks/", post="400"),
    "creator-suggestions": Row("/creator/suggestions/?party={party}", get=SEATED, sees="c"),
    "marketing-suggestions": Row("/marketing/suggestions/", get=MARKETING),
    "recommender:mail": Row("/suggestions/mail/none/", get=OPEN, post="404"),
    "api:docs": Row("/api/v1/docs/", get=OPEN),
    "set_language": Row("/i18n/setlang/", get="302", post="302"),
    "courses:robots": Row("/robots.txt", get=OPEN),
    "courses:sitemap": Row("/sitemap.xml", get=OPEN, public=True),
    # the storefront: courses are public, carts and orders are one's own
    "courses:home": Row("/", get=OPEN, public=True),
    "courses:catalogue": Row("/courses/?q=harbour", get=OPEN, public=True),
    "courses:course": Row("/courses/{slug}/", get=OPEN, public=True),
    "courses:rate": Row("/courses/{slug}/rating/", post="- login, 422", public=True),
    "courses:cart": Row("/cart/", get=OPEN),
    "courses:cart-add": Row("/cart/add/{course}/", post="302", public=True),
    "courses:cart-remove": Row("/cart/remove/{course}/", post="302"),
    "courses:checkout": Row(
        "/checkout/", get="- login, lc 200, 302", post="- login, lc 200, 302", data={"coupon": "{coupon}"}
    ),
    "courses:order": Row("/orders/{order}/", get="- login, c 200, 404", same=True),
    "courses:pay": Row("/orders/{waits}/pay/", post="- login, c 302, 404", same=True),
    "courses:cancel": Row("/orders/{waits}/cancel/", post="- login, c 302, 404", same=True),
    "courses:favourite": Row("/favourites/{course}/", post="- login, 302", public=True),
    # learning
    "courses:learn": Row("/learn/", get=MEMBERS, sees="c"),
    "courses:lesson": Row("/learn/{taught}/{lesson}/", get="-lb 302, 200"),
    "courses:finish": Row("/learn/{taught}/{lesson}/finish/", post="- login, 302"),
    "courses:progress": Row("/learn/{taught}/{lesson}/progress/", post="- login, ac 204, 403", data={"seconds": "5"}),
    "marketing-experiments": Row("/marketing/experiments/", get=MARKETING, post="- login, k 422, 403"),
    "marketing-experiment": Row("/marketing/experiments/{experiment}/", get=MARKETING, post="- login, k 302, 403"),
    "marketing-experiment-csv": Row("/marketing/experiments/{experiment}.csv", get=MARKETING),
    "paths:paths": Row("/paths/", get=MEMBERS, post="- login, 422"),
    "paths:path": Row("/paths/{path}/", get="- login, c 200, 404", same=True),
    "paths:change": Row("/paths/{path}/change/", post="- login, c 302, 404", data={"act": "again"}, same=True),
    "paths:step": Row("/paths/{path}/steps/{course}/", post="- login, c 302, 404", data={"act": "up"}, same=True),
    "courses:view": Row("/behaviour/view/{course}/", post="204"),
    "courses:stay": Row("/behaviour/stay/{course}/", post="204", data={"seconds": "5"}),
}

EMPTY_DESKS = frozenset({"django_celery_beat.periodictask"})
"""Desks whose tables the walk's world leaves empty."""

OWNED_DESKS = frozenset(
    {
        "accounts.party",
        "courses.course",
        "courses.dispute",
        "courses.order",
        "courses.refund",
        "partners.adjustment",
        "partners.advance",
        "partners.agreement",
        "partners.claim",
        "partners.channel",
        "partners.coupon",
        "partners.earningdecision",
        "partners.guarantee",
        "partners.trackinglink",
    }
)
"""Lists on which staff must read a canary."""
