"""An environment that production starts with."""

SETTINGS = "config.settings.production"
GOOD = {
    "SECRET_KEY": "Vq3nq0kW5u1rZp7TtXy2Lb9sHc4DfGj6Km8Nw",
    "FINGERPRINT_KEY": "a8Fh2Kd7Ls0Qw4Er6Ty1Ui3Op5Zx9Cv8Bn2Mb",
    "JWT_SIGNING_KEY": "Jw7Rk2Xp9Tn4Vb6Zc1Qm8Hd3Lf5Gs0Yt7Ua2",
    "EMAIL_URL": "smtp://quittance:hunter2@mail.example.com:587",
    "EMAIL_FROM": "Example <no-reply@example.com>",
    "ALLOWED_HOSTS": "pay.example.com,.example.org,[2001:db8::1]",
    "DATABASE_URL": "mysql://quittance:hunter2@mariadb.example.com:3306/quittance",
    "REDIS_URL": "rediss://redis.example.com:6379/0",
}
