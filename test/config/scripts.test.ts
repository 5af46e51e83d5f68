import { globSync, readFileSync } from 'node:fs'
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
  const sampled = globSync('test/**/*.test.ts', { cwd: root }).filter((path) =>
    /from '\.\.\/kit\/sample\.ts'/.test(read(path)),
  )
  const inFull = Object.values(scripts).filter((script) => script.startsWith('FULL=1 '))
  expect(sampled.length).toBeGreaterThan(5)
  const wanted = [...sampled, ...ONLY_IN_FULL]
  expect(wanted.filter((path) => !inFull.some((script) => script.split(' ').includes(path)))).toEqual([])
})
