import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { unstable_readConfig } from 'wrangler'

const root = new URL('../../', import.meta.url)

type Rules = readonly (readonly [string, string])[]
interface Reader {
  head(name: string): Promise<{ name: string } | null>
}

// By their URLs: the Worker's types are not Node's.
const load = (path: string): Promise<never> => import(new URL(path, root).href) as Promise<never>
const { withRewrite }: { withRewrite: (backend: Reader, options: object) => Reader } =
  await load('src/wrappers/rewrite.ts')
const { parseConfig }: { parseConfig: (env: object) => { backends: { rewrite?: Rules }[] } } =
  await load('src/config/config.ts')

const { sizeIn }: { sizeIn: (name: string) => readonly string[] } = await load(
  'src/backends/placeholder/placeholder.ts',
)

/** The recipes of the docs: the rules of each framework, and which names must be answered by which. */
const recipes = await recipesIn(await readFile(new URL('docs/development.md', root), 'utf8'))

async function recipesIn(markdown: string) {
  const [, text = ''] = /^## Recipes\n(.*?)^## /ms.exec(markdown) ?? []
  const sections = text.split(/^### /m).slice(1)
  return Promise.all(
    sections.map(async (section) => {
      const framework = /^.*/.exec(section)?.[0] ?? ''
      const [, toml = ''] = /^```toml\n(.*?)^```/ms.exec(section) ?? []
      const cases = Array.from(
        section.matchAll(/^\| `([^`]+)` *\| (?:`([^`]+)`|(nothing.*?)) *\|$/gm),
        (row) => ({
          requested: row[1] ?? '',
          original: row[2] ?? null,
        }),
      )
      return { framework, rules: await rulesIn(toml), cases }
    }),
  )
}

/** The rules as wrangler and the configuration read them. */
async function rulesIn(table: string): Promise<Rules> {
  const folder = await mkdtemp(join(tmpdir(), 'recipes-'))
  try {
    const path = join(folder, 'wrangler.toml')
    await writeFile(path, `name = "a"\n[vars]\nFALLBACK_STORAGES = [${table}]`)
    const { vars } = unstable_readConfig({ config: path })
    return parseConfig(vars).backends[0]?.rewrite ?? []
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Of the processor: a busy machine takes longer by the clock. */
function millisecondsSince(started: NodeJS.CpuUsage): number {
  return process.cpuUsage(started).user / 1000
}

/** A backend that has only these names. */
function holding(...names: string[]): Reader {
  return { head: async (name) => (names.includes(name) ? { name } : null) }
}

async function answerOf(rules: Rules, requested: string, ...names: string[]): Promise<string | null> {
  const backend = holding(...names)
  const found = await withRewrite(backend, { rules, originals: backend, isDeleted: async () => false }).head(
    requested,
  )
  return found?.name ?? null
}

it('a placeholder finds the size in the worst names of 1,024 bytes at once', () => {
  const started = process.cpuUsage()
  for (const piece of ['1', '1x', '11x', 'w', '-w-', 'scale', '9x9', '-1x1'])
    sizeIn(`${piece.repeat(1024).slice(0, 1020)}.jpg`)
  expect(millisecondsSince(started)).toBeLessThan(800)
})

it('the docs have a recipe for each framework, with at least 30 names', () => {
  expect(recipes.map(({ framework }) => framework)).toEqual([
    'WordPress',
    'Drupal',
    'TYPO3',
    'Django',
    'Rails',
    'Laravel',
  ])
  for (const { rules, cases } of recipes) {
    expect(rules.length).toBeGreaterThan(1)
    expect(cases.length).toBeGreaterThanOrEqual(5)
  }
  const mapped = recipes.flatMap(({ cases }) => cases.filter(({ original }) => original !== null))
  expect(mapped.length).toBeGreaterThanOrEqual(30)
})

describe.each(recipes)('the rules for $framework', ({ rules, cases }) => {
  const originals = cases.flatMap(({ original }) => original ?? [])

  it.each(cases.filter(({ original }) => original !== null))(
    'answer $requested by $original',
    async ({ requested, original }) => {
      expect(await answerOf(rules, requested, original ?? '')).toBe(original)
    },
  )

  it.each(cases.filter(({ original }) => original === null))(
    'find nothing for $requested',
    async ({ requested }) => {
      expect(await answerOf(rules, requested, ...originals)).toBeNull()
    },
  )

  it('are each needed by one of the names', async () => {
    const isNeeded = async (index: number): Promise<boolean> => {
      const others = rules.filter((_, other) => other !== index)
      for (const { requested, original } of cases)
        if (original !== null && (await answerOf(others, requested, original)) !== original) return true
      return false
    }
    for (const index of rules.keys())
      expect([rules[index], await isNeeded(index)]).toEqual([rules[index], true])
  })

  it('decide about the worst names of 1,024 bytes at once', async () => {
    const pieces = [
      '-1x1',
      '1',
      '-',
      '_',
      '.',
      '/',
      'a.',
      '-scaled',
      'styles/',
      '__',
      '___a_1',
      '-crop-c0',
      '.jpg',
      '@2x',
      'ab/1/',
    ]
    const begins = [
      '',
      'images/',
      '__sized__/',
      '_processed_/csm_',
      'a/responsive-images/',
      'a/conversions/',
      'styles/',
      'uploads/',
      'CACHE/images/',
    ]
    const started = process.cpuUsage()
    for (const begin of begins)
      for (const piece of pieces) await answerOf(rules, (begin + piece.repeat(1024)).slice(0, 1023) + '!')
    // An exponential expression would take years for a single name.
    expect(millisecondsSince(started) / (begins.length * pieces.length)).toBeLessThan(100)
  })
})
