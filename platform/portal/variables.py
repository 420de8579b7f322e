"""The table of environment variables, read by `portal.env`. `docs/reference/settings.md` is tested against it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "flag", "integer", "list", "choice", "folder", "url", "time zone", "currency"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One row of the table. `minimum` and `maximum` bound an integer.

    `choices` are those of a choice, or the schemes of a URL. A secret is never shown.
    """

    name: str
    kind: Kind
    default: str
    meaning: str
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    secret: bool = False


TABLE: tuple[Variable, ...] = (
    Variable(name="PORTAL_DEBUG", kind="flag", default="0", meaning="Django's debug pages. Never on a public machine."),
    Variable(
        name="PORTAL_DEMO",
        kind="flag",
        default="0",
        meaning="Demo installation: prints logins, staff need no second factor. `check --deploy` refuses it.",
    ),
    Variable(
        name="PORTAL_SECRET_KEY",
        kind="text",
        default="",
        secret=True,
        meaning="Django's signing key. With embedded services one is generated into the data folder; else required.",
    ),
    Variable(
        name="PORTAL_SECRET_KEY_FALLBACKS",
        kind="list",
        default="",
        secret=True,
        meaning="Earlier signing keys, separated by commas: what they signed or encrypted is still read. After "
        "`manage.py renew_secrets` and the sessions' two weeks they may go.",
    ),
    Variable(
        name="PORTAL_ALLOWED_HOSTS",
        kind="list",
        default="localhost,127.0.0.1,[::1]",
        meaning="Host names that the portal answers to, separated by commas.",
    ),
    Variable(
        name="PORTAL_BASE_URL",
        kind="url",
        choices=("http", "https"),
        default="http://localhost:8000",
        meaning="Where the portal is reached from outside, http:// or https://; links in mails, QR codes and tracking "
        "links begin with it. Unset: this machine at PORTAL_PORT.",
    ),
    Variable(
        name="PORTAL_PLATFORM_NAME", kind="text", default="Northbank", meaning="The platform's name on every page."
    ),
    Variable(
        name="PORTAL_DATA_DIR",
        kind="folder",
        default=".data",
        meaning="Embedded servers' data, generated key, uploads, models. Relative paths start at the repository root.",
    ),
    Variable(
        name="DATABASE_URL",
        kind="url",
        default="",
        secret=True,
        meaning="PostgreSQL as role app: postgresql://USER:PASSWORD@HOST:PORT/NAME?sslmode=require. Unset: embedded.",
    ),
    Variable(
        name="DATABASE_OWNER_URL",
        kind="url",
        default="",
        secret=True,
        meaning="The same database as role owner: migrations, proofs, erasure. Only processes that do these need it.",
    ),
    Variable(
        name="BROKER_URL",
        kind="url",
        choices=("amqp", "amqps", "redis", "rediss", "redis+socket"),
        default="",
        secret=True,
        meaning="Message broker: amqp://, amqps://, redis://, rediss:// or redis+socket://... Unset: embedded Valkey.",
    ),
    Variable(
        name="CACHE_URL",
        kind="url",
        choices=("redis", "rediss", "unix"),
        default="",
        secret=True,
        meaning="Cache: redis://HOST:PORT/DB, rediss:// with TLS, unix:// for a socket. Unset: embedded Valkey.",
    ),
    Variable(
        name="EMAIL_URL",
        kind="url",
        default="file:",
        secret=True,
        meaning="smtp://USER:PASSWORD@HOST:PORT, smtps:// (TLS from the start), smtp+tls:// (STARTTLS), console:, "
        "or file: (one file per mail under the data folder).",
    ),
    Variable(
        name="PORTAL_MAIL_FROM",
        kind="text",
        default="Northbank <no-reply@localhost>",
        meaning="Sender of every mail.",
    ),
    Variable(
        name="PORTAL_TIME_ZONE",
        kind="time zone",
        default="Asia/Shanghai",
        meaning="By it days, months, statements and reports are cut. Instants are stored in UTC. Once there are "
        "entries, only to a zone that gives each of them the same day.",
    ),
    Variable(
        name="PORTAL_CURRENCY", kind="currency", default="CNY", meaning="ISO 4217 code of the platform's own currency."
    ),
    Variable(
        name="PORTAL_TAX_BP",
        kind="integer",
        default="0",
        minimum=0,
        maximum=10_000,
        meaning="Tax rate of the checkout in basis points (600 is 6%). Imported orders bring their own tax.",
    ),
    Variable(
        name="PORTAL_TAX_INCLUSIVE",
        kind="flag",
        default="1",
        meaning="The prices of the catalogue contain the tax; 0: it is added on top at the checkout.",
    ),
    Variable(
        name="PORTAL_TEST_PAYMENT",
        kind="flag",
        default="0",
        meaning="The checkout offers a test payment that moves no money. PORTAL_DEMO switches it on too.",
    ),
    Variable(
        name="PORTAL_ORDER_HOURS",
        kind="integer",
        default="24",
        minimum=1,
        maximum=8_760,
        meaning="Hours that an order waits for its payment; then it is cancelled and its coupon's use comes back.",
    ),
    Variable(
        name="PORTAL_REFUND_APPROVAL_MINOR",
        kind="integer",
        default="0",
        minimum=0,
        maximum=10**15,
        meaning="A refund that a person enters above this many minor units of PORTAL_CURRENCY (converted by the day's "
        "rate) waits for a second person; 0: never.",
    ),
    Variable(
        name="PORTAL_ADJUSTMENT_LIMIT_MINOR",
        kind="integer",
        default="0",
        minimum=0,
        maximum=10**15,
        meaning="An adjustment above this many minor units of PORTAL_CURRENCY (converted by the day's rate, either "
        "sign) waits for a second person; 0: always.",
    ),
    Variable(
        name="PORTAL_CLAIM_DAYS",
        kind="integer",
        default="10",
        minimum=1,
        maximum=365,
        meaning="Days within which the house answers a claim, and again an appeal.",
    ),
    Variable(
        name="PORTAL_CLAIM_APPEAL_DAYS",
        kind="integer",
        default="30",
        minimum=1,
        maximum=3_650,
        meaning="Days after a claim was refused within which the partner may appeal.",
    ),
    Variable(
        name="PORTAL_OUTBOX_DAYS",
        kind="integer",
        default="90",
        minimum=8,
        maximum=36_500,
        meaning="Days that an event stays in the outbox after everybody was told of it; what is due or parked stays.",
    ),
    Variable(
        name="PORTAL_TOUCH_MONTHS",
        kind="integer",
        default="0",
        minimum=0,
        maximum=1_200,
        meaning="Whole months (UTC) before this one for which touches are kept; older ones are erased at night, as by "
        "`manage.py erase --touches-before`. 0 keeps them. More than the longest look-back of your agreements. The "
        "worker then needs DATABASE_OWNER_URL.",
    ),
    Variable(
        name="PORTAL_CONSENT",
        kind="choice",
        default="tell",
        choices=("tell", "ask"),
        meaning="Whether visits are measured by a cookie until somebody declines (tell) or only once they agree (ask). "
        "Browsers that say Do-Not-Track or Global Privacy Control never are.",
    ),
    Variable(
        name="PORTAL_INJECTION_SECONDS",
        kind="integer",
        default="5",
        minimum=0,
        maximum=600,
        meaning="A link followed fewer seconds before an order than this brings nobody anything: no person follows, "
        "chooses and orders so fast. Where the test payment is on, whose buyers are programs too, it is held only if "
        "it is set.",
    ),
    Variable(
        name="PORTAL_TOUCH_KEYS",
        kind="list",
        default="",
        secret=True,
        meaning="Keys, separated by commas, by which programs may report touches at /api/v1/touches/; unset: none may. "
        "At least 32 random characters each.",
    ),
    Variable(
        name="PORTAL_LANGUAGE",
        kind="choice",
        default="en",
        choices=("en", "zh-hans"),
        meaning="Language where neither the user nor the browser has asked for one.",
    ),
    Variable(
        name="PORTAL_DEVICE",
        kind="choice",
        default="auto",
        choices=("auto", "cpu", "cuda"),
        meaning="Where models are trained. auto takes CUDA where there is a working device.",
    ),
    Variable(
        name="PORTAL_PORT",
        kind="integer",
        default="8000",
        minimum=1,
        maximum=65535,
        meaning="Port that the web listens on.",
    ),
    Variable(
        name="PORTAL_BIND",
        kind="text",
        default="127.0.0.1",
        meaning="Address that the web listens on; 0.0.0.0 only behind a proxy or in a container.",
    ),
    Variable(
        name="PORTAL_WEB_WORKERS",
        kind="integer",
        default="2",
        minimum=1,
        maximum=256,
        meaning="Web processes of `make run` and `make demo`; each has four threads.",
    ),
    Variable(
        name="PORTAL_HTTPS",
        kind="flag",
        default="0",
        meaning="The portal is reached over HTTPS: secure cookies, HSTS, redirect from HTTP.",
    ),
    Variable(
        name="PORTAL_PROXY",
        kind="flag",
        default="0",
        meaning="A proxy of ours stands before the web and sets X-Forwarded-Proto and X-Forwarded-For itself.",
    ),
    Variable(
        name="PORTAL_METRICS",
        kind="flag",
        default="0",
        meaning="Serve Prometheus figures at /metrics (keep it inside).",
    ),
    Variable(
        name="PORTAL_LOG_LEVEL",
        kind="choice",
        default="INFO",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
        meaning="Least level of log lines that are written.",
    ),
    Variable(
        name="PORTAL_LOG_FORMAT",
        kind="choice",
        default="text",
        choices=("text", "json"),
        meaning="Log lines for people or for a collector.",
    ),
    Variable(
        name="PORTAL_SHARED_DATA",
        kind="folder",
        default="",
        meaning="Tests and benchmarks only: folder with reference data. Set but missing: they fail; unset: they skip.",
    ),
    Variable(
        name="CHROMIUM",
        kind="text",
        default="",
        meaning="Chromium's program for browser tests and screenshots; else PATH.",
    ),
)
