"""The threads of the byte path keep nothing that others need while they rest."""

import pytest
from django.db import connections

from datasets.uploads import threads

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_resting_thread_holds_no_connection_to_the_database():
    def look():
        own = connections["default"]
        own.settings_dict["CONN_MAX_AGE"] = 0  # as NEXUS_CONN_MAX_AGE=0 says
        own.ensure_connection()
        return own

    assert threads.submit(look).result(10).connection is None
