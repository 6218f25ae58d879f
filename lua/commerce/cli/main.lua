-- The program `commerce`: calls commerce.cli with the shell's arguments.

os.exit(require("commerce.cli").main(arg), true)
