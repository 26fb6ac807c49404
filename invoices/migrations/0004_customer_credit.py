import config.kernel.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('invoices', '0003_append_only_books'),
    ]

    operations = [
        migrations.CreateModel(
            name='CreditEntry',
            fields=[
                ('idempotency_owner', config.kernel.fields.ExactCharField(editable=False, max_length=100, null=True)),
                ('idempotency_operation', config.kernel.fields.ExactCharField(editable=False, max_length=50, null=True)),
                ('idempotency_key_digest', config.kernel.fields.ExactCharField(editable=False, max_length=64, null=True)),
                ('request_fingerprint', config.kernel.fields.ExactCharField(editable=False, max_length=80, null=True)),
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='cre', primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('granted', 'granted'), ('applied', 'applied'), ('returned', 'returned'), ('revoked', 'revoked')], max_length=20)),
                ('amount', models.BigIntegerField(help_text='Minor units; negative when it was applied or revoked.')),
                ('currency', config.kernel.fields.CurrencyField()),
                ('number', models.PositiveIntegerField(help_text='Gap-free per customer and currency, from 1.')),
                ('balance', config.kernel.fields.AmountField(help_text='What the customer has after it, in minor units.')),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('actor', config.kernel.fields.ExactCharField(max_length=200)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'credit entries',
                'abstract': False,
            },
        ),
        migrations.AlterModelOptions(
            name='customer',
            options={'permissions': [('credit_customer', "Can grant and revoke customers' credit")]},
        ),
        migrations.RemoveConstraint(
            model_name='invoice',
            name='invoices_invoice_amount',
        ),
        migrations.RemoveConstraint(
            model_name='invoice',
            name='invoices_invoice_paid',
        ),
        migrations.RemoveConstraint(
            model_name='invoice',
            name='invoices_invoice_paid_in_full',
        ),
        migrations.RemoveConstraint(
            model_name='invoice',
            name='invoices_invoice_tax',
        ),
        migrations.RemoveConstraint(
            model_name='invoiceline',
            name='invoices_line_amount',
        ),
        migrations.AddField(
            model_name='invoice',
            name='amount_credited',
            field=config.kernel.fields.AmountField(db_default=0, default=0, help_text="Paid out of the customer's credit; given back when it is voided."),
        ),
        migrations.AddField(
            model_name='invoiceline',
            name='ends_at',
            field=models.DateTimeField(blank=True, help_text='Until when, exclusive.', null=True),
        ),
        migrations.AddField(
            model_name='invoiceline',
            name='reverses',
            field=models.ForeignKey(blank=True, help_text='The line it takes back, in part or whole.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversals', to='invoices.invoiceline'),
        ),
        migrations.AddField(
            model_name='invoiceline',
            name='starts_at',
            field=models.DateTimeField(blank=True, help_text='From when it charges for a service.', null=True),
        ),
        migrations.AlterField(
            model_name='invoice',
            name='tax_amount',
            field=models.BigIntegerField(db_default=0, default=0, help_text='The tax in the amount; negative when lines take more back than they charge.'),
        ),
        migrations.AlterField(
            model_name='invoiceline',
            name='amount',
            field=models.BigIntegerField(help_text='Minor units; negative exactly when it reverses another line.'),
        ),
        migrations.AlterField(
            model_name='invoiceline',
            name='tax_amount',
            field=models.BigIntegerField(db_default=0, default=0, help_text='Tax on top of quantity × unit amount.'),
        ),
        migrations.AlterField(
            model_name='invoiceline',
            name='unit_amount',
            field=models.BigIntegerField(),
        ),
        migrations.AlterField(
            model_name='journal',
            name='invoice',
            field=models.ForeignKey(help_text="Empty where no single invoice is concerned: a provider's fees and payouts, credit by hand.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='journals', to='invoices.invoice'),
        ),
        migrations.AlterField(
            model_name='journal',
            name='kind',
            field=models.CharField(choices=[('invoice_issued', 'invoice issued'), ('invoice_voided', 'invoice voided'), ('capture', 'capture'), ('receipt_applied', 'receipt applied'), ('refund', 'refund'), ('refund_of_unapplied', 'refund of unapplied money'), ('refund_returned', 'refund returned'), ('dispute_opened', 'dispute opened'), ('dispute_won', 'dispute won'), ('dispute_lost', 'dispute lost'), ('dispute_reinstated', 'dispute won after it was lost'), ('fee', 'fee'), ('payout', 'payout'), ('credit_granted', 'credit granted'), ('credit_applied', 'credit applied'), ('credit_returned', 'credit returned'), ('credit_revoked', 'credit revoked')], max_length=40),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='invoices_invoice_amount'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', django.db.models.expressions.CombinedExpression(models.F('amount_paid'), '+', models.F('amount_credited')))), name='invoices_invoice_paid'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'paid'), _negated=True), ('amount', django.db.models.expressions.CombinedExpression(models.F('amount_paid'), '+', models.F('amount_credited'))), _connector='OR'), name='invoices_invoice_paid_in_full'),
        ),
        migrations.AddConstraint(
            model_name='invoiceline',
            constraint=models.CheckConstraint(condition=models.Q(('amount', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.functions.comparison.Cast('quantity', models.BigIntegerField()), '*', models.F('unit_amount')), '+', models.F('tax_amount')))), name='invoices_line_amount'),
        ),
        migrations.AddConstraint(
            model_name='invoiceline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('reverses__isnull', True), ('tax_amount__gte', 0), ('unit_amount__gte', 0)), models.Q(('amount__lt', 0), ('reverses__isnull', False), ('tax_amount__lte', 0), ('unit_amount__lte', 0)), _connector='OR'), name='invoices_line_sign'),
        ),
        migrations.AddConstraint(
            model_name='invoiceline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ends_at__isnull', True), ('starts_at__isnull', True)), ('starts_at__lte', models.F('ends_at')), _connector='OR'), name='invoices_line_period'),
        ),
        migrations.AddField(
            model_name='creditentry',
            name='customer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='credit_entries', to='invoices.customer'),
        ),
        migrations.AddField(
            model_name='creditentry',
            name='invoice',
            field=models.ForeignKey(help_text='Empty where somebody granted or revoked it.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='credit_entries', to='invoices.invoice'),
        ),
        migrations.AddConstraint(
            model_name='creditentry',
            constraint=models.UniqueConstraint(fields=('idempotency_owner', 'idempotency_operation', 'idempotency_key_digest'), name='invoices_creditentry_idempotency_key'),
        ),
        migrations.AddConstraint(
            model_name='creditentry',
            constraint=models.UniqueConstraint(fields=('invoice', 'kind'), name='invoices_creditentry_invoice_kind'),
        ),
        migrations.AddConstraint(
            model_name='creditentry',
            constraint=models.UniqueConstraint(fields=('customer', 'currency', 'number'), name='invoices_creditentry_number'),
        ),
        migrations.AddConstraint(
            model_name='creditentry',
            constraint=models.CheckConstraint(condition=models.Q(('balance__gte', 0)), name='invoices_creditentry_balance'),
        ),
        migrations.AddConstraint(
            model_name='creditentry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount__gt', 0), ('kind__in', ['granted', 'returned'])), models.Q(('amount__lt', 0), ('kind__in', ['applied', 'revoked'])), _connector='OR'), name='invoices_creditentry_sign'),
        ),
    ]
