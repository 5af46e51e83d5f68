import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { expect, it } from 'vitest'
import { ONLY_IN_FULL } from '../kit/only-in-full.ts'

const root = new URL('../..', import.meta.url).pathname
const read = (path: string): string => readFileSync(root + path, 'utf8')
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
const ownScripts = Object.keys(scripts).filter((name) => name.startsWith('test:') && name !== 'test:watch')

it('CI runs every script of tests', () => {
  const ci = read('.ci/run')
  expect(ownScripts.filter((name) => !ci.includes(`npm run ${name}\n`))).toEqual([])
})

it('everything that `npm test` omits or samples is run in full by a script', () => {
  const files = globSync('test/**/*.ts', { cwd: root }).map((path) => ({ path, code: read(path) }))
  const importersOf = (name: string): string[] =>
    files.filter(({ code }) => code.includes(`/${name}'\n`)).map(({ path }) => path)
  // Directly, or through a module that they share.
  const samplers = importersOf('kit/sample.ts').flatMap((path) =>
    path.endsWith('.test.ts') ? [path] : importersOf(basename(path)),
  )
  const wanted = [...samplers, ...ONLY_IN_FULL]
  const inFull = Object.values(scripts).filter((script) => script.includes(' --mode full '))
  expect(wanted.length).toBeGreaterThan(10)
  expect(wanted.filter((path) => !inFull.some((script) => script.split(' ').includes(path)))).toEqual([])
})
