import { PassThrough } from 'node:stream'
import type { Argument, Command, Option } from 'commander'
import { createProgram } from '../../src/cli/program.ts'
import { table } from '../docs/table.ts'
import { code, heading, plain } from './page.ts'

const WIDTH = 88

/** docs/cli-commands.md: each command of the CLI, from what --help prints. */
export function cliPage(): string {
  const program = quiet()
  const introduction =
    'Every command, its arguments and its options, as `fallback-storage COMMAND --help` prints them. [The CLI](cli.md) shows what they print and how they work together.'
  const commands = leaves(program).map(([path, command]) => section(path, command))
  return `${heading('CLI commands', introduction)}

## Options of every command

${options(program)}

${commands.join('\n\n')}
`
}

/** The program with streams that nothing reads. */
export function quiet(): Command {
  const stream = Object.assign(new PassThrough(), { isTTY: false })
  return createProgram({ stdin: new PassThrough(), stdout: stream, stderr: stream, env: {} })
}

/** The commands that do something, also if they have subcommands, with the words that call them. */
function leaves(command: Command, path: string[] = []): [path: string, Command][] {
  const below = command.commands.filter((child) => child.name() !== 'help')
  const children = below.flatMap((child) => leaves(child, [...path, child.name()]))
  return hasAction(command) ? [[path.join(' '), command], ...children] : children
}

/** Commander tells this nowhere else. */
function hasAction(command: Command): boolean {
  return '_actionHandler' in command && command._actionHandler !== null
}

function section(path: string, command: Command): string {
  const usage = `fallback-storage ${path} ${command.usage()}`
  const parts = [
    `## ${path}`,
    plain(sentence(command.description() || command.summary())),
    `\`\`\`text\n${usage}\n\`\`\``,
    command.registeredArguments.length > 0 ? argumentsTable(command.registeredArguments) : '',
    command.options.length > 0 ? options(command) : '',
    examples(command),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

function options({ options: all }: Command): string {
  const rows = all.map((option: Option) => [code(option.flags), plain(sentence(option.description))])
  return table(['option', 'meaning'], rows)
}

function argumentsTable(all: readonly Argument[]): string {
  const rows = all.map((argument) => [
    code(argument.required ? argument.name() : `[${argument.name()}]`),
    plain(sentence(argument.description)),
  ])
  return table(['argument', 'meaning'], rows)
}

/** What --help prints after everything else, without its headings. */
function examples(command: Command): string {
  let printed = ''
  command.configureOutput({ writeOut: (text) => (printed += text), getOutHelpWidth: () => WIDTH })
  command.outputHelp()
  const [, shown] = /^Examples?:\n((?: {2}.*\n?)+)/m.exec(printed) ?? []
  return shown ? `\`\`\`sh\n${shown.replaceAll(/^ {2}/gm, '').trimEnd()}\n\`\`\`` : ''
}

function sentence(text: string): string {
  const flat = text.replaceAll(/\s+/g, ' ').trim()
  const first = flat.slice(0, 1).toUpperCase() + flat.slice(1)
  return /[.!?:)]$/.test(first) || first === '' ? first : `${first}.`
}
