import config.kernel.fields
import django.db.models.deletion
import django_fsm
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0002_accounts'),
        ('invoices', '0004_customer_credit'),
    ]

    operations = [
        migrations.CreateModel(
            name='Plan',
            fields=[
                ('event_sequence', models.PositiveBigIntegerField(default=0, editable=False)),
                ('idempotency_owner', config.kernel.fields.ExactCharField(editable=False, max_length=100, null=True)),
                ('idempotency_operation', config.kernel.fields.ExactCharField(editable=False, max_length=50, null=True)),
                ('idempotency_key_digest', config.kernel.fields.ExactCharField(editable=False, max_length=64, null=True)),
                ('request_fingerprint', config.kernel.fields.ExactCharField(editable=False, max_length=80, null=True)),
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='plan', primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('family', config.kernel.fields.ExactCharField(help_text='Plans between which customers change: they have one trial and one live subscription of a family.', max_length=100)),
                ('is_active', models.BooleanField(default=True, help_text='Whether it can be subscribed to.')),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'permissions': [('retire_plan', 'Can retire plans and bring them back')],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='PlanVersion',
            fields=[
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='plv', primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField(help_text='From 1.')),
                ('amount', config.kernel.fields.AmountField(help_text='Per cycle, in minor units; 0 is free.')),
                ('currency', config.kernel.fields.CurrencyField()),
                ('cycle', models.CharField(choices=[('day', 'day'), ('week', 'week'), ('month', 'month'), ('quarter', 'quarter'), ('year', 'year')], max_length=10)),
                ('trial_days', models.PositiveSmallIntegerField(default=0)),
                ('features', models.JSONField(blank=True, default=dict)),
                ('retry_policy', models.JSONField(help_text='When a declined payment of a renewal is tried again.')),
                ('grace_days', models.PositiveSmallIntegerField(help_text='How long what is past due stays usable.')),
                ('after_grace', models.CharField(choices=[('suspend', 'suspend until paid'), ('cancel', 'cancel')], max_length=10)),
                ('created_at', models.DateTimeField()),
                ('plan', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='billing.plan')),
            ],
        ),
        migrations.AddField(
            model_name='plan',
            name='latest_version',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.planversion'),
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('event_sequence', models.PositiveBigIntegerField(default=0, editable=False)),
                ('idempotency_owner', config.kernel.fields.ExactCharField(editable=False, max_length=100, null=True)),
                ('idempotency_operation', config.kernel.fields.ExactCharField(editable=False, max_length=50, null=True)),
                ('idempotency_key_digest', config.kernel.fields.ExactCharField(editable=False, max_length=64, null=True)),
                ('request_fingerprint', config.kernel.fields.ExactCharField(editable=False, max_length=80, null=True)),
                ('status', django_fsm.FSMField(choices=[('pending', 'pending'), ('trialing', 'trialing'), ('active', 'active'), ('past_due', 'past due'), ('unpaid', 'unpaid'), ('canceled', 'canceled'), ('expired', 'expired')], default='pending', editable=False, max_length=50, protected=True)),
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='sub', primary_key=True, serialize=False)),
                ('family', config.kernel.fields.ExactCharField(max_length=100)),
                ('live_family', config.kernel.fields.ExactCharField(editable=False, help_text='The family while it is live: one for each customer.', max_length=100, null=True)),
                ('trial_family', config.kernel.fields.ExactCharField(editable=False, help_text='The family it had a trial of: one for each customer.', max_length=100, null=True)),
                ('payment_method', config.kernel.fields.ExactCharField(blank=True, help_text="A payment method or token; empty: the customer's default.", max_length=200)),
                ('provider', config.kernel.fields.ExactCharField(blank=True, help_text='Whose token it is.', max_length=50)),
                ('time_zone', models.CharField(default='UTC', help_text='Whose calendar its periods follow.', max_length=64)),
                ('anchored_at', models.DateTimeField(help_text='From where periods are counted.')),
                ('anchor_cycles', models.PositiveIntegerField(default=0, help_text='How many cycles from there this period began.')),
                ('period', models.PositiveIntegerField(default=0, help_text='The number of this period; 0 is the trial.')),
                ('period_starts_at', models.DateTimeField()),
                ('period_ends_at', models.DateTimeField()),
                ('trial_ends_at', models.DateTimeField(null=True)),
                ('past_due_at', models.DateTimeField(help_text='Since when it owes; the days of grace run from here.', null=True)),
                ('cancels_at_period_end', models.BooleanField(default=False)),
                ('cancel_reason', models.CharField(blank=True, max_length=500)),
                ('voids_open_invoices', models.BooleanField(default=False, help_text='Nobody owes what is open once it has ended.')),
                ('ended_at', models.DateTimeField(null=True)),
                ('due_at', models.DateTimeField(help_text='When something happens by itself; empty when nothing does.', null=True)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField()),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='invoices.customer')),
                ('next_plan_version', models.ForeignKey(help_text='What it changes to when the period ends.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.planversion')),
                ('plan_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='billing.planversion')),
            ],
            options={
                'permissions': [('cancel_subscription', 'Can cancel subscriptions and take that back'), ('change_plan_of_subscription', 'Can change the plan of subscriptions'), ('pay_subscription', 'Can have subscriptions paid'), ('take_up_subscription', 'Can have done now what is due for subscriptions')],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='SubscriptionInvoice',
            fields=[
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='sin', primary_key=True, serialize=False)),
                ('period', models.PositiveIntegerField(help_text='Empty for what a change within a period costs.', null=True)),
                ('created_at', models.DateTimeField()),
                ('invoice', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='subscription_invoice', to='invoices.invoice')),
                ('subscription', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='billed', to='billing.subscription')),
            ],
        ),
        migrations.CreateModel(
            name='UsageCounter',
            fields=[
                ('event_sequence', models.PositiveBigIntegerField(default=0, editable=False)),
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='usg', primary_key=True, serialize=False)),
                ('feature', config.kernel.fields.ExactCharField(max_length=50)),
                ('period', models.PositiveIntegerField()),
                ('carried', models.PositiveBigIntegerField(default=0)),
                ('used', models.PositiveBigIntegerField(default=0)),
                ('closed_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField()),
                ('plan_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.planversion')),
                ('subscription', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='usage', to='billing.subscription')),
            ],
        ),
        migrations.CreateModel(
            name='UsageRecord',
            fields=[
                ('idempotency_owner', config.kernel.fields.ExactCharField(editable=False, max_length=100, null=True)),
                ('idempotency_operation', config.kernel.fields.ExactCharField(editable=False, max_length=50, null=True)),
                ('idempotency_key_digest', config.kernel.fields.ExactCharField(editable=False, max_length=64, null=True)),
                ('request_fingerprint', config.kernel.fields.ExactCharField(editable=False, max_length=80, null=True)),
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='use', primary_key=True, serialize=False)),
                ('delta', models.PositiveBigIntegerField()),
                ('used_after', models.PositiveBigIntegerField()),
                ('limit', models.PositiveBigIntegerField(help_text='Empty where there was none.', null=True)),
                ('resets_at', models.DateTimeField(help_text='When the period was to end.')),
                ('actor', config.kernel.fields.ExactCharField(max_length=200)),
                ('created_at', models.DateTimeField()),
                ('counter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='records', to='billing.usagecounter')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.UniqueConstraint(fields=('plan', 'number'), name='billing_plan_version_number'),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.CheckConstraint(condition=models.Q(('cycle__in', ['day', 'week', 'month', 'quarter', 'year'])), name='billing_plan_version_cycle'),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.CheckConstraint(condition=models.Q(('after_grace__in', ['suspend', 'cancel'])), name='billing_plan_version_after_grace'),
        ),
        migrations.AddIndex(
            model_name='plan',
            index=models.Index(fields=['family', 'id'], name='billing_plan_family'),
        ),
        migrations.AddConstraint(
            model_name='plan',
            constraint=models.UniqueConstraint(fields=('idempotency_owner', 'idempotency_operation', 'idempotency_key_digest'), name='billing_plan_idempotency_key'),
        ),
        migrations.AddIndex(
            model_name='subscription',
            index=models.Index(fields=['due_at', 'id'], name='billing_subscription_due'),
        ),
        migrations.AddIndex(
            model_name='subscription',
            index=models.Index(fields=['status', 'id'], name='billing_subscription_status_id'),
        ),
        migrations.AddIndex(
            model_name='subscription',
            index=models.Index(fields=['plan_version', 'status', 'id'], name='billing_subscription_plan'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.UniqueConstraint(fields=('idempotency_owner', 'idempotency_operation', 'idempotency_key_digest'), name='billing_subscription_idempotency_key'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.UniqueConstraint(fields=('customer', 'live_family'), name='billing_subscription_live_family'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.UniqueConstraint(fields=('customer', 'trial_family'), name='billing_subscription_trial_family'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'trialing', 'active', 'past_due', 'unpaid', 'canceled', 'expired'])), name='billing_subscription_status'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('live_family', models.F('family')), ('live_family__isnull', False), ('status__in', ('pending', 'trialing', 'active', 'past_due', 'unpaid'))), models.Q(models.Q(('status__in', ('pending', 'trialing', 'active', 'past_due', 'unpaid')), _negated=True), ('due_at__isnull', True), ('ended_at__isnull', False), ('live_family__isnull', True)), _connector='OR'), name='billing_subscription_live'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(('period_ends_at__gt', models.F('period_starts_at'))), name='billing_subscription_period_order'),
        ),
        migrations.AddConstraint(
            model_name='subscriptioninvoice',
            constraint=models.UniqueConstraint(fields=('subscription', 'period'), name='billing_subscription_invoice_period'),
        ),
        migrations.AddConstraint(
            model_name='usagecounter',
            constraint=models.UniqueConstraint(fields=('subscription', 'period', 'feature'), name='billing_usage_counter_feature'),
        ),
        migrations.AddIndex(
            model_name='usagerecord',
            index=models.Index(fields=['counter', 'id'], name='billing_usage_record_counter'),
        ),
        migrations.AddConstraint(
            model_name='usagerecord',
            constraint=models.UniqueConstraint(fields=('idempotency_owner', 'idempotency_operation', 'idempotency_key_digest'), name='billing_usagerecord_idempotency_key'),
        ),
    ]
