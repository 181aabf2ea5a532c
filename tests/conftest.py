"""What holds for every test."""

import os

from hypothesis import settings

os.environ["MOTO_ACCOUNT_ID"] = "000000000000"  # moto reads it on import: the account of the local stack's ARNs
# A machine that is busy with other work must not make a property look false.
settings.register_profile("hub", deadline=None)
settings.load_profile("hub")
