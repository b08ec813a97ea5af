"""What people type, checked: WTForms only; choices are passed in."""
