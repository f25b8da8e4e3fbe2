"""Regular expressions over names, of which none takes long."""
