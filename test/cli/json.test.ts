import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import * as v from 'valibot'
import { beforeAll, describe, expect, it } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { ANSWERS } from '../../src/schemas/answers.ts'
import { useDeployment } from './deployment.ts'
import { records } from './run.ts'

/** The first words of a row in docs/cli.md, and what the command prints there. */
const DOCS = await readFile(new URL('../../docs/cli.md', import.meta.url), 'utf8')

const text = v.string()
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const optionalText = v.nullable(text)
const time = v.pipe(text, v.isoTimestamp())
const stored = v.nullable(
  v.strictObject({ size: v.nullable(count), etag: optionalText, modified_time: v.nullable(time) }),
)
const profile = v.strictObject({
  name: text,
  url: text,
  token: v.nullable(v.picklist(['stored', 'file', 'env', 'command'])),
  current: v.boolean(),
})
const transferSummary = v.strictObject({
  action: v.literal('summary'),
  dry_run: v.boolean(),
  transferred: count,
  bytes: count,
  skipped: count,
  deleted: count,
  failed: count,
})
const transferOf = (actions: readonly ['upload' | 'download', ...'delete'[]]) =>
  v.strictObject({
    action: v.picklist(actions),
    name: text,
    file: text,
    size: v.exactOptional(v.nullable(count)),
    result: v.picklist(['done', 'planned', 'failed']),
    error: v.exactOptional(v.looseObject({ title: text })),
  })
const backfill = ANSWERS.getBackfill

/** The shapes of a command's lines; those that the API does not define itself are in docs/cli.md field by field. */
interface Shape {
  /** Set up before; `FOLDER` is a temporary folder. */
  args: string[]
  shapes: v.GenericSchema[]
  /** Default 0. */
  code?: number
}

const OWN: Record<string, Shape> = {
  ls: {
    args: ['j/'],
    shapes: [ANSWERS.list.entries.objects.item, v.strictObject({ directory: text })],
  },
  get: {
    args: ['j/a.txt', 'FOLDER/a.txt'],
    shapes: [
      v.strictObject({
        name: text,
        file: text,
        size: count,
        etag: optionalText,
        content_type: optionalText,
        resumed_from: count,
      }),
    ],
  },
  put: {
    args: ['FOLDER/up/x.txt', 'k/x.txt'],
    shapes: [v.strictObject({ name: text, size: count, created: v.boolean(), etag: optionalText })],
  },
  cp: { args: ['FOLDER/up', ':up/'], shapes: [transferOf(['upload']), transferSummary] },
  sync: {
    args: [':j/', 'FOLDER/down', '--delete'],
    shapes: [transferOf(['download', 'delete']), transferSummary],
  },
  rm: { args: ['none.txt'], shapes: [v.strictObject({ name: text, deleted: v.literal(true) })] },
  url: { args: ['j/a.txt'], shapes: [ANSWERS.url] },
  diff: {
    args: ['media', 'legacy'],
    code: 3,
    shapes: [
      v.strictObject({
        name: text,
        kind: v.picklist(['only_in_first', 'only_in_second', 'different']),
        first: stored,
        second: stored,
      }),
      v.strictObject({
        kind: v.literal('summary'),
        only_in_first: count,
        only_in_second: count,
        different: count,
        equal: count,
        equal_by_size: count,
      }),
    ],
  },
  doctor: {
    args: [],
    shapes: [
      v.strictObject({
        ok: v.boolean(),
        checks: v.array(
          v.strictObject({
            name: text,
            status: v.picklist(['ok', 'warning', 'failed']),
            detail: text,
            fix: v.exactOptional(text),
          }),
        ),
      }),
    ],
  },
  'tombstones ls': { args: [], shapes: [ANSWERS.listTombstones.entries.tombstones.item] },
  'tombstones purge': {
    args: ['--dry-run'],
    shapes: [v.strictObject({ dry_run: v.boolean(), examined: count, purged: count, kept: count })],
  },
  'profile add': { args: ['staging', '--url', 'http://127.0.0.1:1/'], shapes: [profile] },
  'profile ls': { args: [], shapes: [profile] },
  'profile use': { args: ['production'], shapes: [profile] },
  'profile rm': { args: ['production'], shapes: [v.strictObject({ name: text, removed: v.literal(true) })] },
}

const FROM_API: Record<string, Shape> = {
  explain: { args: ['j/a.txt'], shapes: [ANSWERS.explain] },
  'backfill start': { args: ['--prefix', 'none/'], shapes: [backfill] },
  'backfill watch': { args: [], shapes: [backfill] },
  'backfill status': { args: [], shapes: [backfill] },
  'mirrors resync': { args: ['media_kv', '--prefix', 'none/'], shapes: [backfill] },
  mirrors: { args: [], shapes: [ANSWERS.listMirrors.entries.mirrors.item] },
  verify: {
    args: ['--prefix', 'none/', '--certificate', 'FOLDER/certificate.json'],
    code: 3,
    shapes: [
      v.strictObject({
        ...ANSWERS.getVerification.entries,
        differences: v.array(ANSWERS.listDifferences.entries.differences.item),
      }),
    ],
  },
  'certificate check': { args: ['FOLDER/certificate.json'], shapes: [ANSWERS.checkCertificate] },
  dependence: { args: [], shapes: [ANSWERS.getDependence] },
  events: { args: [], shapes: [ANSWERS.listEvents.entries.sources.item] },
  undelete: { args: ['gone.txt'], shapes: [ANSWERS.undelete] },
  versions: { args: ['j/a.txt'], shapes: [ANSWERS.listPriorVersions.entries.versions.item] },
  restore: { args: ['j/a.txt'], shapes: [ANSWERS.restore] },
  'cache purge': { args: ['j/a.txt'], shapes: [ANSWERS.purgeCache] },
}

/** Tested where their jobs are at hand: they print the same as `backfill status`, or are of one backend. */
const ELSEWHERE = [
  'backfill pause',
  'backfill resume',
  'backfill cancel',
  'backfill retry',
  'backfill failures',
  'conflicts',
  'conflicts dismiss',
  'tail',
]

/** Print no JSON: they run other programs, or print a script. */
const WITHOUT_JSON = ['init', 'dev', 'deploy', 'completion']

const deployment = useDeployment({
  fallbacks: [{ type: 'kv', binding: 'MEDIA_KV', mirror: true }],
  vars: { FALLBACK_KEEP_REPLACED_DAYS: '30', MEDIA_EDGE_CACHE_SECONDS: '60' },
})

beforeAll(async () => {
  const { folder, put, cli } = deployment
  for (const name of ['j/a.txt', 'j/b/c.txt', 'gone.txt']) await put(name, 'one')
  await put('j/a.txt', 'two')
  for (const path of ['up', 'down']) await mkdir(join(folder, path))
  await writeFile(join(folder, 'up/x.txt'), 'one')
  await writeFile(join(folder, 'down/old.txt'), 'one')
  await cli(['rm', 'gone.txt'])
  await cli(['profile', 'add', 'production', '--url', 'http://127.0.0.1:1/'], {
    env: { XDG_CONFIG_HOME: folder },
  })
})

describe('what --json prints', () => {
  it.each(Object.entries({ ...OWN, ...FROM_API }))('has the documented shape: %s', async (name, shape) => {
    const { args, shapes, code = 0 } = shape
    const { folder } = deployment
    const given = args.map((argument) => argument.replace('FOLDER', folder))
    const ran = await deployment.cli([...name.split(' '), ...given, '--json'], {
      env: { XDG_CONFIG_HOME: folder },
    })
    expect(ran.code, ran.stderr).toBe(code)
    const lines = records(ran)
    for (const schema of shapes)
      expect(
        lines.some((line) => v.is(schema, line)),
        JSON.stringify(lines),
      ).toBe(true)
    for (const line of lines) {
      const fits = shapes.some((schema) => v.is(schema, line))
      expect(fits, JSON.stringify({ line, issues: shapes.map((one) => v.safeParse(one, line).issues) })).toBe(
        true,
      )
    }
  })

  it.each(Object.entries(OWN))('is in docs/cli.md field by field: %s', (name, { shapes }) => {
    const fields = shapes.flatMap((schema) => Object.keys((schema as { entries?: object }).entries ?? {}))
    const row = name === 'sync' ? rowOf('cp') : rowOf(name)
    for (const field of new Set(fields)) expect(row).toContain(`\`${field}\``)
  })

  it('is in docs/cli.md for every command', () => {
    const documented = [...Object.keys(OWN), ...Object.keys(FROM_API), ...ELSEWHERE]
    for (const name of documented) rowOf(name)
    const commands = leaves(createProgram(process)).filter((name) => !WITHOUT_JSON.includes(name))
    expect(commands.sort()).toEqual(documented.sort())
  })
})

function rowOf(command: string): string {
  const section = DOCS.slice(DOCS.indexOf('### What `--json` prints'))
  const row = section.split('\n').find((line) => line.startsWith(`| \`${command}\` `))
  if (row === undefined) throw new Error(`docs/cli.md does not say what ${command} --json prints`)
  return row
}

/** The commands that can be run; some have others, too. */
function leaves(command: Command, path: string[] = []): string[] {
  const below = command.commands.flatMap((one) => leaves(one, [...path, one.name()]))
  const own = path.join(' ')
  return below.length === 0 || ['mirrors', 'conflicts'].includes(own) ? [own, ...below] : below
}
