"""Pages that fill the terminal, and dialogs above them. They show what the workbench says and decide nothing."""
