-- The program `commerce`: calls commerce.cli with the shell's arguments.

require("commerce.core").private_process()
os.exit(require("commerce.cli").main(arg), true)
