"""What mail providers report by HTTP, a module for each provider. Asks no database.

`events` of each module checks that the request comes from the provider, by that provider's scheme,
and returns what it reports as WebhookEvents.
"""
