"""Faults of the books in the database: a lock removed, a key no longer unique, a trigger dropped, a policy opened."""

from tests.mutants.fault import Fault

LEDGER = "platform/ledger/"
FIRST = LEDGER + "migrations/0001_initial.py"
ORDERS = LEDGER + "migrations/0002_order_events.py"
STATEMENTS = LEDGER + "migrations/0008_statement_checks.py"
BY_INDEX = LEDGER + "migrations/0015_checks_by_index.py"
PARTNERS = "partners/migrations/0001_initial.py"

_GUARDS = ("tests/ledger/test_guards.py",)
_RACES = ("tests/ledger/test_order_races.py",)
_BOOKING_RACES = ("tests/ledger/test_races.py",)

BOOKS: tuple[Fault, ...] = (
    # locks
    Fault(
        "an order is not locked",
        LEDGER + "services/orders.py",
        "rows = BookedOrder.objects.select_for_update().filter(",
        "rows = BookedOrder.objects.filter(",
        _RACES,
    ),
    Fault(
        "a payable is not locked",
        LEDGER + "services/payouts.py",
        "rows = Account.objects.select_for_update(no_key=True).filter(code=payable(party), currency=currency)",
        "rows = Account.objects.filter(code=payable(party), currency=currency)",
        _RACES,
    ),
    Fault(
        "advances are not locked",
        LEDGER + "services/advances.py",
        'LOCK = "FOR NO KEY UPDATE OF a"',
        'LOCK = ""',
        _RACES,
    ),
    Fault(
        "a snapshot does not wait for bookings",
        LEDGER + "services/stillness.py",
        "SELECT pg_try_advisory_lock(hashtext('ledger.posting'))",
        "SELECT pg_try_advisory_lock(hashtext('ledger.other'))",
        _BOOKING_RACES,
    ),
    Fault(
        "bookings do not say that they are under way",
        FIRST,
        "PERFORM pg_advisory_xact_lock_shared(hashtext('ledger.posting'));",
        "PERFORM 1;",
        _BOOKING_RACES,
    ),
    Fault(
        "two batches lock in different orders",
        LEDGER + "services/booking.py",
        "return [by_key[key] for key in sorted(by_key)]",
        "return list(by_key.values())",
        _BOOKING_RACES,
    ),
    Fault(
        "an order is settled without its lock",
        "analytics/services/settlement.py",
        "AND state = %s ORDER BY id FOR UPDATE",
        "AND state = %s ORDER BY id",
        ("tests/analytics/test_races.py",),
    ),
    Fault(
        "an agreement may change under a settlement",
        "partners/selectors/terms.py",
        "ORDER BY id FOR KEY SHARE",
        "ORDER BY id",
        ("tests/partners/test_races.py",),
    ),
    Fault(
        "caps are counted without a lock",
        "partners/services/meters.py",
        'LOCK = "FOR UPDATE OF m"',
        'LOCK = ""',
        ("tests/partners/test_races.py",),
    ),
    Fault(
        "two relays take one delivery",
        "platform/events/services/relay.py",
        "ORDER BY d.due_at, d.id FOR UPDATE OF d",
        "ORDER BY d.due_at, d.id",
        ("tests/events/test_races.py",),
    ),
    Fault(
        "a delivery that a dead process had begun counts no death",
        "platform/events/services/relay.py",
        "AND NOT EXISTS (SELECT FROM due WHERE attempts > 0 OR begun_at IS NOT NULL)",
        "",
        ("tests/events/test_relay.py",),
    ),
    Fault(
        "a claim is decided without its lock",
        "partners/services/claims/filing.py",
        'return Claim.objects.select_for_update(of=("self",)).select_related("party").get(pk=claim_id)',
        'return Claim.objects.select_related("party").get(pk=claim_id)',
        ("tests/analytics/test_claim_races.py",),
    ),
    Fault(
        "an adjustment is approved without its lock",
        "partners/services/adjustments.py",
        'return Adjustment.objects.select_for_update(of=("self",)).select_related("party").get(pk=adjustment_id)',
        'return Adjustment.objects.select_related("party").get(pk=adjustment_id)',
        ("tests/partners/test_adjustments.py",),
    ),
    Fault(
        "the room that caps leave a claim is read without a lock",
        "partners/services/claims/deciding.py",
        "basis=basis, lock=True)",
        "basis=basis)",
        ("tests/analytics/test_claim_follow_races.py",),
    ),
    Fault(
        "an accepted claim counts for no cap",
        "partners/services/claims/crediting.py",
        "caps_count(moved=found.counted,",
        "caps_count(moved=(),",
        ("tests/analytics/test_claim_follow_races.py",),
    ),
    Fault(
        "a claim does not follow its order",
        "partners/services/aftermath.py",
        "        claims_follow(drafts=",
        "        list(",
        ("tests/analytics/test_claim_follow_races.py",),
    ),
    Fault(
        "a duplicate pays who brought the learner",
        "partners/services/journeys.py",
        "elif duplicate:",
        "elif not owner:",
        ("tests/partners/test_decisions.py",),
    ),
    # triggers
    Fault(
        "a portal may decide its own claim",
        "partners/migrations/0009_claims.py",
        "IF coalesce(current_setting('app.scope', true), '') <> 'all' AND (",
        "IF false AND (",
        ("tests/partners/test_claims.py",),
    ),
    Fault(
        "what a decision names may go meanwhile",
        "platform/accounts/operations.py",
        "WHERE p.id = ANY (asked) FOR KEY SHARE) h;",
        "WHERE p.id = ANY (asked)) h;",
        ("tests/partners/test_decision_keys.py",),
    ),
    Fault(
        "credits need not sum to a million",
        "analytics/migrations/0017_credit_checks.py",
        "HAVING sum(c.ppm) <> 1000000;",
        "HAVING sum(c.ppm) < 0;",
        ("tests/analytics/test_settlement.py",),
    ),
    Fault(
        "entries need not balance",
        STATEMENTS,
        "GROUP BY f.entry_id, f.currency HAVING sum(f.amount) <> 0;",
        "GROUP BY f.entry_id, f.currency HAVING sum(f.amount) > 999999999999;",
        _GUARDS,
    ),
    Fault(
        "an entry that did not balance at once never has to",
        STATEMENTS,
        "GROUP BY p.currency HAVING sum(p.amount) <> 0 LIMIT 1;",
        "GROUP BY p.currency HAVING sum(p.amount) > 999999999999 LIMIT 1;",
        _GUARDS,
    ),
    Fault(
        "entries balance over all currencies",
        STATEMENTS,
        "GROUP BY f.entry_id, f.currency",
        "GROUP BY f.entry_id",
        _GUARDS,
    ),
    Fault(
        "entries may be empty",
        BY_INDEX,
        "WHERE (SELECT p.id FROM public.ledger_posting p WHERE p.entry_id = e LIMIT 1) IS NULL LIMIT 1;",
        "WHERE false LIMIT 1;",
        _GUARDS,
    ),
    Fault(
        "a posting may name another party",
        BY_INDEX,
        "WHERE a.id IS NULL OR f.currency <> a.currency OR f.party_id IS DISTINCT FROM a.party_id\n    LIMIT 1;\n    IF NOT",
        "WHERE a.id IS NULL OR f.currency <> a.currency\n    LIMIT 1;\n    IF NOT",
        _GUARDS,
    ),
    Fault("a posting may name no account", BY_INDEX, "WHERE a.id IS NULL OR f.currency", "WHERE f.currency", _GUARDS),
    Fault(
        "accounts may be removed",
        STATEMENTS,
        "BEFORE DELETE OR UPDATE OF id ON ledger_account",
        "BEFORE UPDATE OF id ON ledger_account",
        _GUARDS,
    ),
    Fault(
        "the sum looks only at rows that a party would see",
        STATEMENTS,
        "FROM public.ledger_posting p WHERE p.entry_id = NEW.entry_id",
        "FROM public.ledger_posting p WHERE p.entry_id = NEW.entry_id AND p.party_id IS NOT NULL",
        _GUARDS,
    ),
    Fault("postings may change", FIRST, '        AppendOnly("ledger_posting"),\n', "", _GUARDS),
    Fault("entries may change", FIRST, '        AppendOnly("ledger_journalentry"),\n', "", _GUARDS),
    # policies
    Fault(
        "everybody reads every posting",
        FIRST,
        'RowSecurity("ledger_posting", f"party_id = {PARTIES}")',
        'RowSecurity("ledger_posting", "true")',
        _GUARDS,
    ),
    Fault(
        "portal readers see whole entries",
        FIRST,
        'RowSecurity("ledger_journalentry", "false")',
        'RowSecurity("ledger_journalentry", "true")',
        _GUARDS,
    ),
    Fault(
        "a party reads the evidence about others",
        "partners/migrations/0009_claims.py",
        'RowSecurity("partners_claimfinding", _shown("partners_claimfinding"))',
        'RowSecurity("partners_claimfinding", "true")',
        ("tests/partners/test_claims.py",),
    ),
    # keys and checks
    Fault(
        "a source may be booked twice",
        FIRST,
        "models.UniqueConstraint(fields=('kind', 'source_kind', 'source_id'), name='ledger_entry_once')",
        "models.UniqueConstraint(fields=('kind', 'source_kind', 'source_id', 'recorded_at'), name='ledger_entry_once')",
        ("tests/ledger/test_booking.py", *_BOOKING_RACES),
    ),
    Fault(
        "a void needs no pointer",
        FIRST,
        "models.Q(models.Q(('kind', 'void'), _negated=True), ('reverses__isnull', False), _connector='OR')",
        "models.Q(('kind', ''), _negated=True)",
        _GUARDS,
    ),
    Fault(
        "amounts of zero are kept",
        FIRST,
        "condition=models.Q(('amount', 0), _negated=True)",
        "condition=models.Q(('position__gte', 0))",
        _GUARDS,
    ),
    Fault(
        "one person suffices for an agreement",
        PARTNERS,
        "models.Q(('approved_by', models.F('created_by')), _negated=True), _connector='OR'), name='partners_version_two_persons'",
        "models.Q(('approved_by__isnull', False)), _connector='OR'), name='partners_version_two_persons'",
        ("tests/partners/test_agreements.py",),
    ),
)
