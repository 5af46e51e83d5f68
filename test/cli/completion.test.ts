import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sampled } from '../kit/sample.ts'
import { TOKEN } from '../kit/worker/site.ts'
import { useDeployment } from './deployment.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const deployment = useDeployment()
let folder: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-completion-'))
  // Shows what the shell passes on, but completes as the program itself does.
  const program = join(folder, 'fallback-storage')
  await writeFile(
    program,
    `#!/bin/sh
if [ "$1" = completion ]; then exec '${process.execPath}' --no-warnings '${MAIN}' "$@"; fi
printf 'RAN'; printf '<%s>' "$@"; echo
`,
  )
  await chmod(program, 0o755)
  await writeFile(join(folder, 'harbour.txt'), '')
  env = {
    PATH: `${folder}:${process.env['PATH']}`,
    HOME: folder,
    XDG_CONFIG_HOME: join(folder, 'config'),
    NODE_COMPILE_CACHE: fileURLToPath(new URL('../../node_modules/.cache/cli', import.meta.url)),
    TERM: 'dumb',
    LC_ALL: 'C.UTF-8',
    FALLBACK_STORAGE_URL: deployment.site.url,
    FALLBACK_STORAGE_TOKEN: TOKEN,
  }
  for (const name of ['trips/2024/a.jpg', 'trips/photo (1) é.jpg', 'trips/b:c.jpg'])
    await deployment.put(name, 'x')
  const added = await deployment.cli(['profile', 'add', 'production', '--url', deployment.site.url], { env })
  if (added.code !== 0) throw new Error(added.stderr)
})

afterAll(() => rm(folder, { recursive: true }))

/** The candidates without their descriptions. */
async function completed(...words: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await deployment.cli(['completion', 'fish', '--', ...words], { env })
  expect(code, stderr).toBe(0)
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t', 1)[0] ?? '')
}

describe('completion', () => {
  it.each([
    { words: ['back'], found: ['backfill'] },
    { words: ['tombstones', ''], found: ['ls', 'purge', 'help'] },
    { words: ['tombstones', 'purge', '--dr'], found: ['--dry-run'] },
    { words: ['ls', '--tok'], found: ['--token-file'] },
    { words: ['--url', 'http://x.test/', 'explai'], found: ['explain'] },
    { words: ['-q', 'explai'], found: ['explain'] },
    { words: ['backfill', 'failures', '--format', ''], found: ['csv', 'ndjson'] },
    { words: ['backfill', 'failures', '--format=n'], found: ['--format=ndjson'] },
    { words: ['completion', ''], found: ['bash', 'zsh', 'fish'] },
    { words: ['ls', '--profile', ''], found: ['production'] },
    { words: ['profile', 'use', 'p'], found: ['production'] },
    { words: ['put', ''], found: [':files'] },
    { words: ['get', 'trips/2024/a.jpg', ''], found: [':files'] },
    { words: ['ls', '--token-file', ''], found: [':files'] },
    { words: ['mirrors', 'resync', 'le'], found: ['legacy'] },
    { words: ['backfill', 'start', '--backend', 'media_'], found: ['media_kv'] },
    { words: ['ls', 'tri'], found: ['trips/'] },
    { words: ['--profile', 'production', 'ls', 'trips/2'], found: ['trips/2024/'] },
    { words: ['rm', 'x', 'trips/'], found: ['trips/2024/', 'trips/b:c.jpg', 'trips/photo (1) é.jpg'] },
    { words: ['cp', 'prod'], found: ['production:'] },
    { words: ['cp', 'production:trips/2'], found: ['production:trips/2024/'] },
    { words: ['sync', '.', ':trips/b'], found: [':trips/b:c.jpg'] },
    { words: ['cp', './'], found: [':files'] },
    { words: ['diff', 'legacy', 'media_'], found: ['media_kv'] },
    { words: ['rm', '--', '--'], found: [] },
    { words: ['nonsense', ''], found: expect.arrayContaining(['ls', 'get']) },
    { words: ['toString', '--constructor', ''], found: expect.arrayContaining(['ls', 'get']) },
  ])('offers $found for $words', async ({ words, found }) => {
    expect(await completed(...words)).toEqual(found)
  })

  it('describes commands and options', async () => {
    const { stdout } = await deployment.cli(['completion', 'zsh', '--', 'ls', '--rec'])
    expect(stdout).toBe('--recursive\tall names below the prefix, not just one folder\n')
  })

  it('never runs the command of a profile, which might ask for a password', async () => {
    const command = `touch ${join(folder, 'ran')}`
    const added = ['profile', 'add', 'locked', '--url', deployment.site.url, '--token-command', command]
    await deployment.cli(added, { env })
    await deployment.cli(['completion', 'bash', '--', '--profile', 'locked', 'ls', ''], { env })
    expect(spawnSync('ls', [folder], { encoding: 'utf8' }).stdout).not.toContain('ran')
  })

  it('knows only the shells that it has a script for', async () => {
    const { code, stderr } = await deployment.cli(['completion', 'tcsh'])
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('bash, zsh, fish') })
  })
})

/** What is typed, up to Tab, and the arguments that the command gets then. */
const TYPED = [
  { typed: 'tombstones pu\t', ran: '<tombstones><purge>' },
  { typed: 'backfill failures --format n\t', ran: '<backfill><failures><--format><ndjson>' },
  { typed: 'explain trips/ph\t', ran: '<explain><trips/photo (1) é.jpg>' },
  { typed: 'ls --profile prod\t', ran: '<ls><--profile><production>' },
  { typed: 'cp production:trips/ph\t', ran: '<cp><production:trips/photo (1) é.jpg>' },
  { typed: 'cp prod\t', ran: '<cp><production:>' },
  { typed: 'explain trips/b\t', ran: '<explain><trips/b:c.jpg>' },
  { typed: 'put harb\t', ran: '<put><harbour.txt>' },
]

const SHELLS = [
  {
    shell: 'bash',
    command: 'bash --norc --noprofile -i',
    setUp: 'source <(fallback-storage completion bash)',
  },
  {
    shell: 'zsh',
    command: 'zsh -f -i',
    setUp: 'autoload -U compinit; compinit -u -D; source <(fallback-storage completion zsh)',
  },
]

/** In CI, a shell that is not installed is a failure. */
function isMissing(shell: string): boolean {
  return !process.env['CI'] && spawnSync(shell, ['-c', 'true']).status !== 0
}

for (const { shell, command, setUp } of SHELLS) {
  const missing = isMissing(shell)
  it.skipIf(missing)(
    `works in ${shell}${missing ? ': skipped, because it is not installed' : ''}`,
    { timeout: 60_000 },
    async () => {
      const child = spawn('script', ['-qec', command, '/dev/null'], { env, cwd: folder, stdio: 'pipe' })
      try {
        const read = outputOf(child)
        child.stdin.write(`${setUp}; PS1='re''ady> '\n`)
        await expect.poll(read, { timeout: 20_000 }).toContain('ready> ')
        for (const { typed, ran } of sampled(TYPED, 2)) {
          const before = read().length
          child.stdin.write(`fallback-storage ${typed}\n`)
          await expect.poll(() => read().slice(before), { timeout: 20_000 }).toContain(`RAN${ran}`)
        }
      } finally {
        child.kill()
      }
    },
  )
}

function outputOf(child: ChildProcess): () => string {
  let shown = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (shown += text))
  return () => shown
}

const noFish = isMissing('fish')
it.skipIf(noFish)(`works in fish${noFish ? ': skipped, because it is not installed' : ''}`, async () => {
  for (const { typed, ran } of sampled(TYPED, 2)) {
    const script = 'fallback-storage completion fish | source; complete -C "fallback-storage $argv"'
    const { stdout } = await promisify(execFile)('fish', ['-c', script, typed.trimEnd()], {
      env,
      cwd: folder,
    })
    expect(stdout.split('\t')[0]?.trimEnd()).toBe(/<([^<>]+)>$/.exec(ran)?.[1])
  }
})
