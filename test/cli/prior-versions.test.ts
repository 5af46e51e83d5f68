import { expect, it } from 'vitest'
import { useDeployment } from './deployment.ts'

const deployment = useDeployment({ vars: { FALLBACK_KEEP_REPLACED_DAYS: '30' } })

it('versions and restore list what was replaced or deleted, and bring it back', async () => {
  const { cli, put } = deployment
  const name = 'notes/a b.txt'
  expect(await cli(['versions', name])).toMatchObject({ code: 3 })
  expect(await cli(['restore', name])).toMatchObject({ code: 3 })
  await put(name, 'one')
  await put(name, 'two and more')
  await cli(['rm', name])
  const listed = await cli(['versions', name])
  expect(listed.stdout).toMatch(/^\S+Z {2}deleted +12 B {2}media .*\n\S+Z {2}replaced +3 B {2}media .*\n$/)
  expect((await cli(['restore', name])).stdout).toMatch(/^notes\/a b\.txt: restored as it was until 2/)
  expect((await cli(['get', name, '-'])).stdout).toBe('two and more')
  const first = listed.stdout.trim().split('\n').at(-1)?.split(' ')[0] ?? ''
  expect(await cli(['restore', name, '--time', first])).toMatchObject({ code: 0 })
  expect((await cli(['get', name, '-'])).stdout).toBe('one')
})
