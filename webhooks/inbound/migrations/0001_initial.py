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
            name='ProviderEvent',
            fields=[
                ('status', django_fsm.FSMField(choices=[('received', 'received'), ('processed', 'processed'), ('ignored', 'ignored'), ('parked', 'parked'), ('dead', 'dead')], default='received', editable=False, max_length=50, protected=True)),
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='pev', primary_key=True, serialize=False)),
                ('provider', config.kernel.fields.ExactCharField(max_length=50)),
                ('account', config.kernel.fields.ExactCharField(max_length=100)),
                ('event_id', config.kernel.fields.ExactCharField(help_text="The provider's id, or the body's SHA-256 where it has none.", max_length=255)),
                ('type', config.kernel.fields.ExactCharField(blank=True, max_length=100)),
                ('our_reference', config.kernel.fields.ExactCharField(blank=True, max_length=200)),
                ('charge_reference', config.kernel.fields.ExactCharField(blank=True, max_length=200)),
                ('payload', models.TextField(help_text='The body as it was sent, card numbers masked.')),
                ('outcome', models.CharField(blank=True, choices=[('applied', 'applied'), ('stale', 'stale'), ('unhandled', 'unhandled type'), ('unknown_reference', 'unknown reference'), ('malformed', 'malformed'), ('failed', 'failed')], help_text='What came of the latest try.', max_length=20)),
                ('error', models.TextField(blank=True, help_text='Why the latest try failed.')),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('available_at', models.DateTimeField(help_text='When it is tried next; empty once it has ended.', null=True)),
                ('correlation_id', config.kernel.fields.ExactCharField(blank=True, max_length=100)),
                ('received_at', models.DateTimeField()),
                ('processed_at', models.DateTimeField(help_text='When it reached its present end.', null=True)),
            ],
            options={
                'verbose_name': 'provider event',
                'verbose_name_plural': 'provider events',
                'permissions': [('replay_providerevent', 'Can replay provider events')],
                'indexes': [models.Index(fields=['available_at', 'id'], name='inbound_event_due_at'), models.Index(fields=['status', 'id'], name='inbound_event_status_id'), models.Index(fields=['our_reference'], name='inbound_event_our_reference'), models.Index(fields=['charge_reference'], name='inbound_event_charge_reference'), models.Index(fields=['correlation_id'], name='inbound_event_correlation')],
                'constraints': [models.UniqueConstraint(fields=('event_id', 'provider', 'account'), name='inbound_event_identifiers'), models.CheckConstraint(condition=models.Q(('status__in', ['received', 'processed', 'ignored', 'parked', 'dead'])), name='inbound_event_status'), models.CheckConstraint(condition=models.Q(models.Q(('available_at__isnull', False), ('status__in', ('received', 'parked'))), models.Q(models.Q(('status__in', ('received', 'parked')), _negated=True), ('available_at__isnull', True)), _connector='OR'), name='inbound_event_due')],
            },
        ),
        migrations.CreateModel(
            name='Replay',
            fields=[
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='pvr', primary_key=True, serialize=False)),
                ('actor', config.kernel.fields.ExactCharField(max_length=200)),
                ('reason', models.CharField(max_length=500)),
                ('status_before', models.CharField(choices=[('received', 'received'), ('processed', 'processed'), ('ignored', 'ignored'), ('parked', 'parked'), ('dead', 'dead')], max_length=20)),
                ('status_after', models.CharField(choices=[('received', 'received'), ('processed', 'processed'), ('ignored', 'ignored'), ('parked', 'parked'), ('dead', 'dead')], max_length=20)),
                ('outcome', models.CharField(choices=[('applied', 'applied'), ('stale', 'stale'), ('unhandled', 'unhandled type'), ('unknown_reference', 'unknown reference'), ('malformed', 'malformed'), ('failed', 'failed')], max_length=20)),
                ('error', models.TextField(blank=True)),
                ('correlation_id', config.kernel.fields.ExactCharField(blank=True, max_length=100)),
                ('created_at', models.DateTimeField()),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='replays', to='inbound.providerevent')),
            ],
            options={
                'verbose_name': 'replay',
                'verbose_name_plural': 'replays',
                'indexes': [models.Index(fields=['correlation_id'], name='inbound_replay_correlation')],
            },
        ),
    ]
