import config.kernel.fields
import django.db.models.deletion
import django.db.models.expressions
import django_fsm
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Customer',
            fields=[
                ('event_sequence', models.PositiveBigIntegerField(default=0, editable=False)),
                ('idempotency_owner', config.kernel.fields.ExactCharField(editable=False, max_length=100, null=True)),
                ('idempotency_operation', config.kernel.fields.ExactCharField(editable=False, max_length=50, null=True)),
                ('idempotency_key_digest', config.kernel.fields.ExactCharField(editable=False, max_length=64, null=True)),
                ('request_fingerprint', config.kernel.fields.ExactCharField(editable=False, max_length=80, null=True)),
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='cus', primary_key=True, serialize=False)),
                ('name', models.CharField(blank=True, max_length=200)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'abstract': False,
                'indexes': [models.Index(fields=['email'], name='invoices_customer_email')],
                'constraints': [models.UniqueConstraint(fields=('idempotency_owner', 'idempotency_operation', 'idempotency_key_digest'), name='invoices_customer_idempotency_key')],
            },
        ),
        migrations.CreateModel(
            name='Invoice',
            fields=[
                ('event_sequence', models.PositiveBigIntegerField(default=0, editable=False)),
                ('idempotency_owner', config.kernel.fields.ExactCharField(editable=False, max_length=100, null=True)),
                ('idempotency_operation', config.kernel.fields.ExactCharField(editable=False, max_length=50, null=True)),
                ('idempotency_key_digest', config.kernel.fields.ExactCharField(editable=False, max_length=64, null=True)),
                ('request_fingerprint', config.kernel.fields.ExactCharField(editable=False, max_length=80, null=True)),
                ('status', django_fsm.FSMField(choices=[('open', 'open'), ('processing', 'processing'), ('paid', 'paid'), ('failed', 'failed'), ('void', 'void')], default='open', editable=False, max_length=50, protected=True)),
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='inv', primary_key=True, serialize=False)),
                ('owner', config.kernel.fields.ExactCharField(editable=False, max_length=100)),
                ('number', config.kernel.fields.ExactCharField(blank=True, max_length=100, null=True, unique=True)),
                ('order_id', config.kernel.fields.ExactCharField(blank=True, max_length=100, null=True)),
                ('description', models.CharField(blank=True, max_length=500)),
                ('due_on', models.DateField(blank=True, null=True)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('amount', config.kernel.fields.AmountField()),
                ('amount_paid', config.kernel.fields.AmountField(default=0)),
                ('amount_refunded', config.kernel.fields.AmountField(default=0)),
                ('currency', config.kernel.fields.CurrencyField()),
                ('attempts', models.PositiveIntegerField(default=0, help_text='How many payments have tried to pay it.')),
                ('created_at', models.DateTimeField()),
                ('paid_at', models.DateTimeField(null=True)),
                ('voided_at', models.DateTimeField(null=True)),
                ('customer', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='invoices', to='invoices.customer')),
            ],
            options={
                'permissions': [('void_invoice', 'Can void invoices'), ('pay_invoice', 'Can have invoices paid again')],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='InvoiceLine',
            fields=[
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='il', primary_key=True, serialize=False)),
                ('position', models.PositiveSmallIntegerField()),
                ('description', models.CharField(blank=True, max_length=500)),
                ('quantity', models.PositiveIntegerField(default=1)),
                ('unit_amount', config.kernel.fields.AmountField()),
                ('amount', config.kernel.fields.AmountField()),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='invoices.invoice')),
            ],
        ),
        migrations.CreateModel(
            name='Journal',
            fields=[
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='jrn', primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('invoice_issued', 'invoice issued'), ('invoice_voided', 'invoice voided'), ('capture', 'capture'), ('receipt_applied', 'receipt applied')], max_length=40)),
                ('source', config.kernel.fields.ExactCharField(max_length=100)),
                ('recorded_at', models.DateTimeField(help_text='Business time.')),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='journals', to='invoices.invoice')),
            ],
        ),
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='ent', primary_key=True, serialize=False)),
                ('account', config.kernel.fields.ExactCharField(max_length=100)),
                ('amount', models.BigIntegerField(help_text='Minor units; debits positive, credits negative.')),
                ('currency', config.kernel.fields.CurrencyField()),
                ('journal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='invoices.journal')),
            ],
            options={
                'verbose_name_plural': 'entries',
            },
        ),
        migrations.AddIndex(
            model_name='invoice',
            index=models.Index(fields=['status', 'id'], name='invoices_invoice_status_id'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.UniqueConstraint(fields=('idempotency_owner', 'idempotency_operation', 'idempotency_key_digest'), name='invoices_invoice_idempotency_key'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.UniqueConstraint(fields=('order_id', 'owner'), name='invoices_invoice_order_owner'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['open', 'processing', 'paid', 'failed', 'void'])), name='invoices_invoice_status'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='invoices_invoice_amount'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('amount_paid__lte', models.F('amount'))), name='invoices_invoice_paid'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'paid'), _negated=True), ('amount_paid', models.F('amount')), _connector='OR'), name='invoices_invoice_paid_in_full'),
        ),
        migrations.AddConstraint(
            model_name='invoiceline',
            constraint=models.UniqueConstraint(fields=('invoice', 'position'), name='invoices_line_position'),
        ),
        migrations.AddConstraint(
            model_name='invoiceline',
            constraint=models.CheckConstraint(condition=models.Q(('amount', django.db.models.expressions.CombinedExpression(models.F('quantity'), '*', models.F('unit_amount')))), name='invoices_line_amount'),
        ),
        migrations.AddConstraint(
            model_name='journal',
            constraint=models.UniqueConstraint(fields=('source', 'kind'), name='invoices_journal_source_kind'),
        ),
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(fields=['account', 'currency', 'id', 'amount'], name='invoices_entry_account'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(('amount', 0), _negated=True), name='invoices_entry_amount_not_zero'),
        ),
    ]
