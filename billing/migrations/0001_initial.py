import billing.models
import config.kernel.fields
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='usr', primary_key=True, serialize=False)),
                ('email', billing.models.EmailAddressField(max_length=254, unique=True, verbose_name='e-mail address')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'abstract': False,
            },
            managers=[
                ('objects', billing.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', config.kernel.fields.PrefixedIdField(editable=False, prefix='key', primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('mode', models.CharField(choices=[('test', 'test'), ('live', 'live')], max_length=4)),
                ('prefix', config.kernel.fields.ExactCharField(help_text="The key's beginning, to recognise it by.", max_length=20)),
                ('secret_hash', config.kernel.fields.ExactCharField(editable=False, max_length=64, unique=True)),
                ('scopes', models.JSONField(help_text='A list of scope names.')),
                ('created_at', models.DateTimeField()),
                ('created_by', config.kernel.fields.ExactCharField(max_length=200)),
                ('expires_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('revoked_by', config.kernel.fields.ExactCharField(blank=True, max_length=200)),
                ('revoked_reason', models.CharField(blank=True, max_length=500)),
                ('latest_used_at', models.DateTimeField(help_text='To the minute.', null=True)),
            ],
            options={
                'verbose_name': 'API key',
                'permissions': [('revoke_apikey', 'Can revoke API keys')],
                'constraints': [models.CheckConstraint(condition=models.Q(('mode__in', ['test', 'live'])), name='billing_api_key_mode')],
            },
        ),
    ]
