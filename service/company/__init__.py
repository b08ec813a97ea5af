"""The company that sends: settings, logo, colours."""
