"""The official openai SDK for Python, as it is, against two gateways.

    python main.py <first gateway> <second gateway> <simulator> <migrating.md>
"""

import chat
import documented
import harness
import responses

harness.run([*chat.TESTS, *responses.TESTS, *documented.TESTS])
