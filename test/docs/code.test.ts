import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { type Command, CommanderError } from 'commander'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/docs/markdown.ts'
import { quiet } from '../../scripts/reference/cli.ts'
import { type Block, blocks, declarations } from './code.ts'

const all = blocks()
const inLanguage = (...languages: string[]): Block[] =>
  all.filter(({ language }) => languages.includes(language))
/** From the name of the CLI up to where the shell goes on with something else. */
const COMMAND_LINE =
  /(?:^|[|&] |\$ |\()(?:npx )?fallback-storage (?=[a-z-])((?:'[^']*'|"[^"]*"|[^|&;<>#\n'")])*)/gm
const repository = fileURLToPath(root)

it('every block of code says what it is, and something checks it', () => {
  const checked = ['toml', 'json', 'jsonc', 'ts', 'js', 'python', 'sh', 'text', 'console', '']
  // Nothing here runs these: the query is Cloudflare's, files of settings are those of other programs.
  const shown = ['sql', 'ini', 'ruby', 'php', 'yaml', 'nginx', 'html', 'md', 'markdown']
  expect(all.length).toBeGreaterThan(100)
  expect(
    all.filter(({ language }) => ![...checked, ...shown].includes(language)).map(({ place }) => place),
  ).toEqual([])
})

it.each(inLanguage('json', 'jsonc'))('$place is JSON', ({ code, language }) => {
  const json = language === 'jsonc' ? code.replaceAll(/^\s*\/\/.*$/gm, '') : code
  expect(JSON.parse(json)).toBeTypeOf('object')
})

describe('every script', () => {
  const scripts = inLanguage('sh')
  const checkEach = 'for script; do bash -n <<<"$script"; printf "$?\\0"; done 2>&1'
  let found: string[]

  beforeAll(() => {
    const args = ['-c', checkEach, 'bash', ...scripts.map(({ code }) => code)]
    found = execFileSync('bash', args, { encoding: 'utf8' }).split('\0').slice(0, -1)
  })

  it.each(scripts.map(({ place }, index) => ({ place, index })))(
    '$place is valid in a shell',
    ({ index }) => {
      expect(found[index]).toBe('0')
    },
  )
})

describe('code', () => {
  const folder = mkdtempSync(join(repository, 'node_modules/.docs-code-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('in TypeScript and JavaScript has no type error', () => {
    const snippets = new Map<string, Block>()
    const compilerOptions = {
      module: 'esnext',
      moduleResolution: 'bundler',
      target: 'esnext',
      lib: ['esnext', 'dom', 'dom.iterable', 'dom.asynciterable'],
      types: ['node'],
      allowJs: true,
      checkJs: true,
      strict: true,
      noImplicitAny: false,
      strictNullChecks: false,
      skipLibCheck: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      erasableSyntaxOnly: false,
      paths: {
        'fallback-storage/client': [join(repository, 'src/client/client.ts')],
      },
    }
    // test/package/ compiles the code of docs/library.md, with what it takes from the code around it.
    const own = inLanguage('ts', 'js').filter(({ place }) => !place.startsWith('docs/library.md:'))
    for (const [index, block] of own.entries()) {
      // In a module of its own, whatever it declares.
      const file = `${block.language}-${index}.${block.language}`
      const declared = declarations(block)
      if (declared !== '') writeFileSync(join(folder, `${file}.d.ts`), declared)
      writeFileSync(join(folder, file), `${block.code}\nexport {}\n`)
      snippets.set(file, block)
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
    const args = [join(repository, 'node_modules/.bin/tsc'), '-p', folder, '--pretty', 'false']
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    const errors = stdout.split('\n').filter((line) => line.includes('error TS'))
    const named = errors.map((line) => {
      const [, file = '', rest] = /([^/(]+)\((.*)$/.exec(line) ?? []
      return `${snippets.get(file)?.place ?? line}: ${rest}`
    })
    expect([status, stderr, named]).toEqual([0, '', []])
  })
})

describe('every command line of the CLI', () => {
  // Blocks of text show how a command is used: `ls [options] [prefix]`.
  const shown = all.filter(({ language }) => language !== 'text')
  const lines = shown.flatMap(({ code, place }) =>
    Array.from(code.replaceAll(/\\\n\s*/g, '').matchAll(COMMAND_LINE), ([, line = '']) => ({ line, place })),
  )

  let words: string[][]

  beforeAll(() => {
    words = wordsOf(lines.map(({ line }) => line))
  })

  it('is one of many', () => {
    expect(lines.length).toBeGreaterThan(40)
    expect(words).toHaveLength(lines.length)
  })

  it.each(lines.map((each, index) => ({ ...each, index })))(
    '$place: $line is understood',
    async ({ index }) => {
      const program = quiet()
      doNothing(program)
      const error: unknown = await program.parseAsync(words[index] ?? [], { from: 'user' }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      const isHelp = error instanceof CommanderError && error.code === 'commander.helpDisplayed'
      expect(isHelp ? undefined : error).toBeUndefined()
    },
  )
})

/** Replaces what the commands do. Some that have subcommands do something by themselves, too. */
function doNothing(command: Command): void {
  if (Reflect.get(command, '_actionHandler')) command.action(() => undefined)
  for (const child of command.commands) doNothing(child)
}

/** The words of each command line as a shell reads them; variables stand for themselves. */
function wordsOf(lines: readonly string[]): string[][] {
  const print = (line: string): string =>
    `for word in ${line.replaceAll('$', '\\$')}; do printf '%s\\0' "$word"; done; printf '\\0'`
  const printed = execFileSync('bash', ['-c', ['set -f', ...lines.map(print)].join('\n')], {
    encoding: 'utf8',
  })
  return printed
    .split('\0\0')
    .slice(0, -1)
    .map((text) => text.split('\0'))
}
