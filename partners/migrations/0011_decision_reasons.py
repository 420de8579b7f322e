# Two reasons more for decisions. The unique indexes that tell them apart are built beside the old ones, without
# stopping who settles; then the old ones go.

from django.db import migrations, models

EFFECTS = "('voided', 'refunded', 'refund_reversed', 'disputed', 'dispute_won', 'dispute_lost', 'corrected')"
BEFORE = "('voided', 'refunded', 'refund_reversed', 'disputed', 'dispute_won', 'corrected')"
TABLE = "partners_earningdecision"


def swapped(name: str, columns: str, condition: str) -> list[str]:
    """Statements that build an index anew under its name."""
    return [
        f"CREATE UNIQUE INDEX CONCURRENTLY {name}_new ON {TABLE} ({columns}) WHERE {condition}",
        "SET lock_timeout = '5s'",
        f"DROP INDEX CONCURRENTLY {name}",
        f"ALTER INDEX {name}_new RENAME TO {name}",
        "RESET lock_timeout",
    ]


def both(effects: str) -> list[str]:
    """Both indexes under these effects."""
    return [
        *swapped("partners_decided_once", "source_kind, source_id, party_id", f"NOT (reason IN {effects})"),
        *swapped("partners_effect_once", "source_kind, source_id, party_id, entry_id", f"reason IN {effects}"),
    ]


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('partners', '0010_decision_entry'),
    ]

    operations = [
        *(
            migrations.RunSQL(forward, backward)
            for forward, backward in zip(both(EFFECTS), both(BEFORE), strict=True)
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint(
                    model_name='earningdecision',
                    name='partners_decided_once',
                ),
                migrations.RemoveConstraint(
                    model_name='earningdecision',
                    name='partners_effect_once',
                ),
                migrations.AlterField(
                    model_name='claim',
                    name='reason',
                    field=models.CharField(blank=True, choices=[('click_found', "A click through the partner's link was found"), ('coupon_found', "The partner's coupon was used"), ('proven_elsewhere', 'Proven by other means'), ('no_such_order', 'No such order'), ('not_paid', 'The order was not paid'), ('given_back', 'The order was given back'), ('already_credited', 'Already credited to the partner'), ('self_purchase', 'Own purchase'), ('not_a_member', 'Not an active member of the programme'), ('not_in_force', 'No agreement was in force'), ('no_share', 'The agreement gives channels no share'), ('no_touch', "No click and no coupon of the partner's"), ('outside_window', 'Outside the look-back window'), ('lost_to_coupon', "Another partner's coupon took precedence"), ('lost_to_link', "Another partner's link took precedence"), ('other_partner', 'Another partner brought the order'), ('duplicate', 'The learner had the course already'), ('no_credit', 'The paying model gave no credit'), ('cap_reached', "The agreement's cap was reached"), ('nothing_left', 'Nothing was left to share')], max_length=16, verbose_name='reason'),
                ),
                migrations.AlterField(
                    model_name='claimevent',
                    name='reason',
                    field=models.CharField(blank=True, choices=[('click_found', "A click through the partner's link was found"), ('coupon_found', "The partner's coupon was used"), ('proven_elsewhere', 'Proven by other means'), ('no_such_order', 'No such order'), ('not_paid', 'The order was not paid'), ('given_back', 'The order was given back'), ('already_credited', 'Already credited to the partner'), ('self_purchase', 'Own purchase'), ('not_a_member', 'Not an active member of the programme'), ('not_in_force', 'No agreement was in force'), ('no_share', 'The agreement gives channels no share'), ('no_touch', "No click and no coupon of the partner's"), ('outside_window', 'Outside the look-back window'), ('lost_to_coupon', "Another partner's coupon took precedence"), ('lost_to_link', "Another partner's link took precedence"), ('other_partner', 'Another partner brought the order'), ('duplicate', 'The learner had the course already'), ('no_credit', 'The paying model gave no credit'), ('cap_reached', "The agreement's cap was reached"), ('nothing_left', 'Nothing was left to share')], max_length=16, verbose_name='reason'),
                ),
                migrations.AlterField(
                    model_name='claimgathering',
                    name='reason',
                    field=models.CharField(choices=[('click_found', "A click through the partner's link was found"), ('coupon_found', "The partner's coupon was used"), ('proven_elsewhere', 'Proven by other means'), ('no_such_order', 'No such order'), ('not_paid', 'The order was not paid'), ('given_back', 'The order was given back'), ('already_credited', 'Already credited to the partner'), ('self_purchase', 'Own purchase'), ('not_a_member', 'Not an active member of the programme'), ('not_in_force', 'No agreement was in force'), ('no_share', 'The agreement gives channels no share'), ('no_touch', "No click and no coupon of the partner's"), ('outside_window', 'Outside the look-back window'), ('lost_to_coupon', "Another partner's coupon took precedence"), ('lost_to_link', "Another partner's link took precedence"), ('other_partner', 'Another partner brought the order'), ('duplicate', 'The learner had the course already'), ('no_credit', 'The paying model gave no credit'), ('cap_reached', "The agreement's cap was reached"), ('nothing_left', 'Nothing was left to share')], max_length=16, verbose_name='reason'),
                ),
                migrations.AlterField(
                    model_name='claimstep',
                    name='reason',
                    field=models.CharField(blank=True, choices=[('click_found', "A click through the partner's link was found"), ('coupon_found', "The partner's coupon was used"), ('proven_elsewhere', 'Proven by other means'), ('no_such_order', 'No such order'), ('not_paid', 'The order was not paid'), ('given_back', 'The order was given back'), ('already_credited', 'Already credited to the partner'), ('self_purchase', 'Own purchase'), ('not_a_member', 'Not an active member of the programme'), ('not_in_force', 'No agreement was in force'), ('no_share', 'The agreement gives channels no share'), ('no_touch', "No click and no coupon of the partner's"), ('outside_window', 'Outside the look-back window'), ('lost_to_coupon', "Another partner's coupon took precedence"), ('lost_to_link', "Another partner's link took precedence"), ('other_partner', 'Another partner brought the order'), ('duplicate', 'The learner had the course already'), ('no_credit', 'The paying model gave no credit'), ('cap_reached', "The agreement's cap was reached"), ('nothing_left', 'Nothing was left to share')], max_length=16, verbose_name='reason'),
                ),
                migrations.AlterField(
                    model_name='earningdecision',
                    name='reason',
                    field=models.CharField(choices=[('earned', 'Earned'), ('held', 'Earned, held for now'), ('self_purchase', 'Own purchase'), ('window_closed', 'Came outside the look-back window'), ('lost_to_coupon', 'The coupon of another partner took precedence'), ('lost_to_link', 'The link of another partner took precedence'), ('not_in_force', 'No agreement was in force'), ('not_a_member', 'Not an active member of the programme'), ('nothing_left', 'Nothing was left to share'), ('cap_reached', "The agreement's cap was reached"), ('no_credit', 'The paying model gave no credit'), ('no_share', 'The agreement gives channels no share'), ('duplicate', 'The learner had the course already'), ('discount_borne', 'A discount that you bear took it up'), ('voided', 'The order was voided'), ('refunded', 'Refunded'), ('refund_reversed', 'The refund was taken back'), ('disputed', 'Disputed'), ('dispute_won', 'The dispute was won'), ('dispute_lost', 'The dispute was lost'), ('corrected', 'Corrected'), ('claimed', 'Your claim was accepted')], max_length=16, verbose_name='reason'),
                ),
                migrations.AddConstraint(
                    model_name='earningdecision',
                    constraint=models.UniqueConstraint(condition=models.Q(('reason__in', ('voided', 'refunded', 'refund_reversed', 'disputed', 'dispute_won', 'dispute_lost', 'corrected')), _negated=True), fields=('source_kind', 'source_id', 'party'), name='partners_decided_once'),
                ),
                migrations.AddConstraint(
                    model_name='earningdecision',
                    constraint=models.UniqueConstraint(condition=models.Q(('reason__in', ('voided', 'refunded', 'refund_reversed', 'disputed', 'dispute_won', 'dispute_lost', 'corrected'))), fields=('source_kind', 'source_id', 'party', 'entry'), name='partners_effect_once'),
                ),
            ],
        ),
    ]
