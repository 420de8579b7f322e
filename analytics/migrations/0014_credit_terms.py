# Credits say what their model was given: two lines of an order may ask one model in two ways.

from django.db import migrations, models

CREDITS_SUM = """
CREATE OR REPLACE FUNCTION analytics_check_credits() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    total bigint;
BEGIN
    SELECT sum(ppm) INTO total FROM analytics_credit
    WHERE conversion_id = NEW.conversion_id AND model = NEW.model AND terms = NEW.terms;
    IF total <> 1000000 THEN
        RAISE EXCEPTION 'The credits of conversion % under % % sum to % ppm, not to 1000000.',
            NEW.conversion_id, NEW.model, NEW.terms, total USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""
BEFORE = CREDITS_SUM.replace(" AND terms = NEW.terms", "").replace("% % sum", "% sum").replace("NEW.terms, total", "total")
MODELS = [('first_touch', 'First touch'), ('last_touch', 'Last touch'), ('last_non_direct', 'Last non-direct'), ('linear', 'Linear'), ('u_shape', 'U-shape'), ('time_decay', 'Time decay'), ('position_weights', 'Weights by position'), ('shapley', 'Shapley'), ('markov', 'Markov'), ('counterfactual', 'Incremental')]


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0013_holdouts'),
    ]

    operations = [
        migrations.AddField(
            model_name='credit',
            name='terms',
            field=models.CharField(blank=True, db_default='', default='', help_text='Look-back in days, half-life and weights that the model was given.', max_length=120, verbose_name='terms'),
        ),
        migrations.AlterField(
            model_name='credit',
            name='model',
            field=models.CharField(choices=MODELS, max_length=16, verbose_name='model'),
        ),
        migrations.RunSQL(CREDITS_SUM, BEFORE),
    ]
