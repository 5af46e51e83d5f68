import { Argument, type Command } from 'commander'
import { type Candidate, complete } from '../complete.ts'
import { type Io, type Local, withLocal, type WithSession } from '../session.ts'

export function addCompletion(program: Command, _: WithSession, io: Io): void {
  program
    .command('completion')
    .summary('print a script that completes commands, options and names in your shell')
    .description(
      'Prints a script for your shell. It completes commands, options, their values, profiles, backends and names.',
    )
    .addArgument(new Argument('<shell>', 'your shell').choices(Object.keys(SHELLS)))
    .argument('[words...]', 'used by the script: prints how the last of these words can be completed')
    .addHelpText(
      'after',
      `
Examples:
  source <(fallback-storage completion bash)                       # in ~/.bashrc
  source <(fallback-storage completion zsh)                        # in ~/.zshrc, after compinit
  fallback-storage completion fish | source                        # in ~/.config/fish/config.fish`,
    )
    .action(
      withLocal(io, async (local, shell: ShellName, words: string[]) => {
        if (words.length === 0) local.io.stdout.write(SHELLS[shell].script)
        else await printCandidates(program, local, { shell: SHELLS[shell], words })
      }),
    )
}

async function printCandidates(
  program: Command,
  { io }: Local,
  { shell, words }: { shell: Shell; words: readonly string[] },
): Promise<void> {
  const typed = shell.join?.(words) ?? words
  const found = await complete(program, typed, io)
  const lines =
    found === 'files'
      ? [FILES]
      : found.map((candidate) =>
          shell.line(candidate, { word: typed.at(-1) ?? '', last: words.at(-1) ?? '' }),
        )
  for (const line of lines) io.stdout.write(`${line}\n`)
}

interface Shell {
  script: string
  /** The words as the program would get them. */
  join?: (words: readonly string[]) => string[]
  /** A candidate for the whole `word`, of which the shell completes only `last`. */
  line: (candidate: Candidate, typed: { word: string; last: string }) => string
}

/** Printed in place of candidates. */
const FILES = ':files'

function described({ value, about }: Candidate): string {
  return about === undefined ? value : `${value}\t${about.replaceAll(/\s+/g, ' ')}`
}

/** Bash also splits words at these. */
const BREAKS = /^[:=]+$/

function joinWords(words: readonly string[]): string[] {
  const joined: string[] = []
  for (const [index, word] of words.entries()) {
    const isJoined = index > 0 && word !== '' && (BREAKS.test(word) || BREAKS.test(words[index - 1] ?? ''))
    if (isJoined) joined[joined.length - 1] += word
    else joined.push(word)
  }
  return joined.map((word) => word.replaceAll(/\\(.)/gs, '$1'))
}

function bashLine({ value }: Candidate, { word, last }: { word: string; last: string }): string {
  const kept = BREAKS.test(last) ? word.length : word.length - last.replaceAll(/\\(.)/gs, '$1').length
  return value.slice(kept).replaceAll(/[^\p{L}\p{N}_@%+,./:=-]/gu, String.raw`\$&`)
}

const SHELLS = {
  bash: {
    join: joinWords,
    line: bashLine,
    script: `# Completion of fallback-storage for bash: source <(fallback-storage completion bash)
_fallback_storage() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("$line")
  done < <(fallback-storage completion bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ \${COMPREPLY[0]-} == ${FILES} ]]; then
    COMPREPLY=()
  else
    compopt +o default 2>/dev/null
  fi
  if [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *[/:=] ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -o default -F _fallback_storage fallback-storage
`,
  },
  zsh: {
    line: described,
    script: `#compdef fallback-storage
# Completion of fallback-storage for zsh: source <(fallback-storage completion zsh)
_fallback_storage() {
  local line value
  local -a open shown_open whole shown_whole
  for line in "\${(@f)$(fallback-storage completion zsh -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] || continue
    if [[ $line == ${FILES} ]]; then _files; return; fi
    value=\${line%%$'\\t'*}
    if [[ $value == *[/:=] ]]; then
      open+=("$value") shown_open+=("\${line/$'\\t'/  -- }")
    else
      whole+=("$value") shown_whole+=("\${line/$'\\t'/  -- }")
    fi
  done
  (( $#open )) && compadd -S '' -l -d shown_open -a -- open
  (( $#whole )) && compadd -l -d shown_whole -a -- whole
}
if [[ $funcstack[1] == _fallback-storage ]]; then _fallback_storage; else compdef _fallback_storage fallback-storage; fi
`,
  },
  fish: {
    line: described,
    script: `# Completion of fallback-storage for fish: fallback-storage completion fish | source
function __fallback_storage
  set -l words (commandline -opc) (commandline -ct)
  set -l found (fallback-storage completion fish -- $words[2..] 2>/dev/null)
  if test "$found[1]" = ${FILES}
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $found
  end
end
complete -c fallback-storage -f -a '(__fallback_storage)'
`,
  },
} satisfies Record<string, Shell>

type ShellName = keyof typeof SHELLS
