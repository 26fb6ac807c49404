import config.kernel.fields
import django.db.models.deletion
import django_fsm
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('invoices', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Payment',
            fields=[
                ('idempotency_owner', config.kernel.fields.ExactCharField(editable=False, max_length=100, null=True)),
                ('idempotency_operation', config.kernel.fields.ExactCharField(editable=False, max_length=50, null=True)),
                ('idempotency_key_digest', config.kernel.fields.ExactCharField(editable=False, max_length=64, null=True)),
                ('request_fingerprint', config.kernel.fields.ExactCharField(editable=False, max_length=80, null=True)),
                ('status', django_fsm.FSMField(choices=[('created', 'created'), ('processing', 'processing'), ('unknown', 'unknown'), ('review', 'review'), ('succeeded', 'succeeded'), ('failed', 'failed'), ('canceled', 'canceled')], default='created', editable=False, max_length=50, protected=True)),
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='pay', primary_key=True, serialize=False)),
                ('attempt', models.PositiveIntegerField(help_text='Which attempt at the invoice this is, from 1.')),
                ('amount', config.kernel.fields.AmountField()),
                ('amount_refunded', config.kernel.fields.AmountField(default=0)),
                ('currency', config.kernel.fields.CurrencyField()),
                ('provider', config.kernel.fields.ExactCharField(max_length=50)),
                ('provider_account', config.kernel.fields.ExactCharField(max_length=100)),
                ('provider_reference', config.kernel.fields.ExactCharField(blank=True, max_length=200)),
                ('payment_method', config.kernel.fields.ExactCharField(blank=True, max_length=200)),
                ('failure_code', models.CharField(blank=True, max_length=100)),
                ('failure_retryable', models.BooleanField(null=True)),
                ('failure_message', models.CharField(blank=True, help_text='Also why it is in review.', max_length=500)),
                ('correlation_id', config.kernel.fields.ExactCharField(blank=True, help_text='Of the request that asked for it.', max_length=100)),
                ('created_at', models.DateTimeField()),
                ('submitted_at', models.DateTimeField(help_text='When the provider was first asked, wall time.', null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('available_at', models.DateTimeField(help_text='When a sweep takes it up; empty when nothing is left to do.', null=True)),
                ('reconciliations', models.PositiveSmallIntegerField(default=0, help_text='How often the provider has been asked.')),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='invoices.invoice')),
                ('live_invoice', models.OneToOneField(editable=False, help_text='The invoice while this payment is live, then empty: its uniqueness keeps it to one live payment.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='live_payment', to='invoices.invoice')),
            ],
            options={
                'permissions': [('confirm_payment', 'Can confirm manual payments'), ('fail_payment', 'Can fail manual payments')],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Receipt',
            fields=[
                ('status', django_fsm.FSMField(choices=[('unapplied', 'unapplied'), ('applied', 'applied')], default='unapplied', editable=False, max_length=50, protected=True)),
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='rct', primary_key=True, serialize=False)),
                ('provider', config.kernel.fields.ExactCharField(max_length=50)),
                ('provider_account', config.kernel.fields.ExactCharField(max_length=100)),
                ('provider_reference', config.kernel.fields.ExactCharField(max_length=200)),
                ('amount', config.kernel.fields.AmountField()),
                ('currency', config.kernel.fields.CurrencyField()),
                ('received_at', models.DateTimeField()),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='invoices.invoice')),
                ('payment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='payments.payment')),
            ],
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['available_at', 'status'], name='payments_payment_due'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['status', 'id'], name='payments_payment_status_id'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['provider_reference', 'provider'], name='payments_payment_provider_ref'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['correlation_id'], name='payments_payment_correlation'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(fields=('idempotency_owner', 'idempotency_operation', 'idempotency_key_digest'), name='payments_payment_idempotency_key'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(fields=('invoice', 'attempt'), name='payments_payment_attempt'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['created', 'processing', 'unknown', 'review', 'succeeded', 'failed', 'canceled'])), name='payments_payment_status'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('live_invoice', models.F('invoice')), ('live_invoice__isnull', False), ('status__in', ('created', 'processing', 'unknown', 'review'))), models.Q(models.Q(('status__in', ('created', 'processing', 'unknown', 'review')), _negated=True), ('live_invoice__isnull', True)), _connector='OR'), name='payments_payment_live'),
        ),
        migrations.AddIndex(
            model_name='receipt',
            index=models.Index(fields=['status', 'id'], name='payments_receipt_status_id'),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.UniqueConstraint(fields=('provider_reference', 'provider', 'provider_account'), name='payments_receipt_capture'),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['unapplied', 'applied'])), name='payments_receipt_status'),
        ),
    ]
