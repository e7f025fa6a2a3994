"""The commands of the runbook, which are run as they stand there."""

import re

from container import Failed

# A block of commands that a comment gives a name, which readers do not see.
NAMED = re.compile(r"<!-- run: ([a-z-]+) -->\n```sh\n(.*?)```", re.S)
ANY = re.compile(r"^```sh\n(.*?)^```", re.S | re.M)
# The function that a block may use, as whoever reads the runbook has it in their shell.
FUNCTION = "as-service"


class Runbook:
    """The blocks by name, and which of them have been run."""

    def __init__(self, path):
        text = path.read_text()
        self.blocks = dict(NAMED.findall(text))
        self.unnamed = [block for block in ANY.findall(text) if block not in self.blocks.values()]
        self.left = set(self.blocks) - {FUNCTION}

    def run(self, container, name, status=0, input=None, **variables):
        """Runs a block to its end, or to its first command that fails."""
        if name not in self.blocks:
            raise Failed(f"the runbook has no block `{name}`")
        self.left.discard(name)
        script = self.blocks[name]
        for variable, value in variables.items():
            script, times = re.subn(rf"^{variable}=.*$", f"{variable}={value}", script, flags=re.M)
            if times != 1:
                raise Failed(f"the runbook's block `{name}` does not set {variable}")
        whole = f"set -euo pipefail\n{self.blocks[FUNCTION]}\n{script}"
        return container.run("bash", "-c", whole, status=status, input=input)

    def never_run(self):
        """What of the runbook has not been run."""
        return [f"`{name}`" for name in sorted(self.left)] + self.unnamed
