import config.kernel.fields
import django.db.models.deletion
import django_fsm
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Cursor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subscriber', config.kernel.fields.ExactCharField(max_length=100)),
                ('shard', models.PositiveSmallIntegerField()),
                ('position', models.PositiveBigIntegerField(default=0, help_text='Up to here all is delivered, held or skipped.')),
                ('lease_owner', models.CharField(blank=True, max_length=200)),
                ('lease_token', models.PositiveBigIntegerField(default=0, help_text='Raised by each claim; an older one moves nothing.')),
                ('lease_expires_at', models.DateTimeField(help_text='Database time; empty when free.', null=True)),
                ('available_at', models.DateTimeField(help_text='Database time; backing off until then.', null=True)),
                ('failures', models.PositiveIntegerField(default=0, help_text='Transport failures since the latest success.')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('subscriber', 'shard'), name='outbox_cursor_subscriber_shard')],
            },
        ),
        migrations.CreateModel(
            name='OutboxEvent',
            fields=[
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='evt', primary_key=True, serialize=False)),
                ('type', config.kernel.fields.ExactCharField(max_length=100)),
                ('version', models.PositiveSmallIntegerField(default=1)),
                ('data', models.JSONField()),
                ('aggregate_type', models.CharField(max_length=50)),
                ('aggregate_id', config.kernel.fields.ExactCharField(max_length=100)),
                ('sequence', models.PositiveBigIntegerField(help_text='Gap-free per aggregate, from 1.')),
                ('shard', models.PositiveSmallIntegerField()),
                ('position', models.PositiveBigIntegerField(help_text='Dense per shard, from 1; empty until sequenced.', null=True)),
                ('actor', config.kernel.fields.ExactCharField(max_length=200)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('correlation_id', config.kernel.fields.ExactCharField(blank=True, max_length=100)),
                ('occurred_at', models.DateTimeField(help_text='Business time.')),
            ],
            options={
                'indexes': [models.Index(fields=['correlation_id'], name='outbox_event_correlation')],
                'constraints': [models.UniqueConstraint(fields=('aggregate_id', 'sequence'), name='outbox_event_aggregate_sequence'), models.UniqueConstraint(fields=('shard', 'position'), name='outbox_event_shard_position')],
            },
        ),
        migrations.CreateModel(
            name='HeldEvent',
            fields=[
                ('status', django_fsm.FSMField(choices=[('held', 'held'), ('delivered', 'delivered'), ('skipped', 'skipped')], default='held', editable=False, max_length=50, protected=True)),
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='hev', primary_key=True, serialize=False)),
                ('subscriber', config.kernel.fields.ExactCharField(max_length=100)),
                ('aggregate_id', config.kernel.fields.ExactCharField(max_length=100)),
                ('sequence', models.PositiveBigIntegerField()),
                ('shard', models.PositiveSmallIntegerField()),
                ('position', models.PositiveBigIntegerField()),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('available_at', models.DateTimeField(help_text='Database time of the next try; empty while queued, given up or resolved.', null=True)),
                ('given_up_at', models.DateTimeField(help_text='Since when it waits for staff.', null=True)),
                ('error', models.TextField(blank=True)),
                ('actor', config.kernel.fields.ExactCharField(blank=True, help_text='Who requeued or skipped it.', max_length=200)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('held_at', models.DateTimeField()),
                ('resolved_at', models.DateTimeField(null=True)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='held', to='outbox.outboxevent')),
            ],
            options={
                'permissions': [('requeue_heldevent', 'Can requeue held events'), ('skip_heldevent', 'Can skip held events')],
                'indexes': [models.Index(fields=['subscriber', 'status', 'aggregate_id', 'sequence'], name='outbox_held_line'), models.Index(fields=['status', 'available_at'], name='outbox_held_due')],
                'constraints': [models.UniqueConstraint(fields=('subscriber', 'event'), name='outbox_held_subscriber_event'), models.CheckConstraint(condition=models.Q(('status__in', ['held', 'delivered', 'skipped'])), name='outbox_held_status')],
            },
        ),
    ]
