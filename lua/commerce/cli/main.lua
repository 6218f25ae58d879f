-- The program `commerce`: nothing but the way from the shell into commerce.cli.

os.exit(require("commerce.cli").main(arg), true)
