"""What each command of the command line does; `bot.main` imports only the one that is asked for."""
