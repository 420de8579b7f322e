"""What the tables of orders enforce by themselves: lines sum to their order, and sold amounts stay as they were."""

from accounts.operations import _SqlOperation

ORDER, LINE = "courses_order", "courses_orderline"


class LinesAddUp(_SqlOperation):
    """At commit, the lines of an order sum to its list price, discount, tax and total, and it has at least one."""

    def forward_sql(self) -> list[str]:
        """One function, deferred triggers on both tables."""
        deferred = "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION courses_lines_add_up()"
        return [
            f"""
            CREATE FUNCTION courses_lines_add_up() RETURNS trigger LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            DECLARE
                bought public.{ORDER}%ROWTYPE;
                wanted bigint;
                summed record;
            BEGIN
                IF TG_TABLE_NAME = '{ORDER}' THEN wanted := NEW.id; ELSE wanted := NEW.order_id; END IF;
                SELECT * INTO bought FROM public.{ORDER} WHERE id = wanted;
                SELECT count(*) AS lines, sum(list_minor) AS list, sum(discount_minor) AS discount, sum(tax_minor) AS tax,
                    sum(payable_minor) AS payable,
                    bool_and(payable_minor = list_minor - discount_minor
                        + CASE WHEN bought.tax_inclusive THEN 0 ELSE tax_minor END) AS each_line
                INTO summed FROM public.{LINE} WHERE order_id = wanted;
                IF summed.lines = 0 OR NOT summed.each_line
                    OR (summed.list, summed.discount, summed.tax, summed.payable) IS DISTINCT FROM
                    (bought.list_minor::numeric, bought.discount_minor::numeric, bought.tax_minor::numeric,
                     bought.total_minor::numeric)
                THEN
                    RAISE EXCEPTION 'The lines of order % do not sum to the order.', bought.code
                        USING ERRCODE = 'integrity_constraint_violation';
                END IF;
                RETURN NULL;
            END $$
            """,
            f"CREATE CONSTRAINT TRIGGER lines_add_up AFTER INSERT ON {ORDER} {deferred}",
            f"CREATE CONSTRAINT TRIGGER lines_add_up AFTER INSERT ON {LINE} {deferred}",
        ]

    def backward_sql(self) -> list[str]:
        """Drop triggers and function."""
        return [
            f"DROP TRIGGER lines_add_up ON {LINE}",
            f"DROP TRIGGER lines_add_up ON {ORDER}",
            "DROP FUNCTION courses_lines_add_up()",
        ]

    def describe(self) -> str:
        """One line for `migrate`."""
        return "Hold the lines of every order to its totals"


class OrdersKeepTheirAmounts(_SqlOperation):
    """Once placed, an order keeps what was bought, when, for how much; once paid, its fee too. It is never deleted."""

    def forward_sql(self) -> list[str]:
        """Two triggers on the function that refuses changes."""
        kept = (
            "code", "buyer_id", "currency", "list_minor", "discount_minor", "tax_minor", "tax_inclusive", "total_minor",
            "coupon_id", "discount_bearer", "placed_at",
        )  # fmt: skip
        old, new = (", ".join(f"{side}.{name}" for name in kept) for side in ("OLD", "NEW"))
        refuse = "EXECUTE FUNCTION tributary_refuse_change()"
        return [
            f"""
            CREATE TRIGGER keep_amounts BEFORE UPDATE ON {ORDER} FOR EACH ROW
            WHEN (({old}) IS DISTINCT FROM ({new})
                OR OLD.state <> 'placed' AND (OLD.processor_fee_minor, OLD.paid_at)
                    IS DISTINCT FROM (NEW.processor_fee_minor, NEW.paid_at)) {refuse}
            """,
            f"CREATE TRIGGER keep_order BEFORE DELETE ON {ORDER} FOR EACH ROW {refuse}",
        ]

    def backward_sql(self) -> list[str]:
        """Drop the triggers."""
        return [f"DROP TRIGGER keep_amounts ON {ORDER}", f"DROP TRIGGER keep_order ON {ORDER}"]

    def describe(self) -> str:
        """One line for `migrate`."""
        return "Keep the amounts of orders as they were placed"
