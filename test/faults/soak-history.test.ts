import { expect, it } from 'vitest'
import { createHistory } from '../../bench/soak/history.ts'
import { bodyOf, versionOf, versionOfPart } from '../../bench/soak/versions.ts'

function start() {
  let now = 0
  const clock = () => ++now
  return { clock, history: createHistory('v0', clock) }
}

it('expects what was acknowledged last, and nothing older', () => {
  const { clock, history } = start()
  history.begin('v1').acknowledge()
  history.begin(null).acknowledge()
  expect([...history.possible(clock())]).toEqual([null])
})

it('expects either of two writes that overlap, and neither version before them', () => {
  const { clock, history } = start()
  const [first, second] = [history.begin('v1'), history.begin('v2')]
  second.acknowledge()
  first.acknowledge()
  expect([...history.possible(clock())]).toEqual(['v1', 'v2'])
})

it('allows the value of a failed write until a later write is acknowledged', () => {
  const { clock, history } = start()
  history.begin('v1').giveUp()
  expect([...history.possible(clock())]).toEqual(['v0', 'v1'])
  history.begin('v2').acknowledge()
  expect([...history.possible(clock())]).toEqual(['v2'])
})

it('lets a read that began before a write ended find the previous version', () => {
  const { clock, history } = start()
  const writing = history.begin('v1')
  const reading = clock()
  writing.acknowledge()
  expect([...history.possible(reading)]).toEqual(['v0', 'v1'])
  expect([...history.possible(clock())]).toEqual(['v1'])
})

it('recognises a version by its whole body and by any part of it, and nothing else', () => {
  const body = bodyOf('a.jpg#7/40')
  expect(versionOf(body)).toBe('a.jpg#7/40')
  expect(versionOf(body.subarray(0, -1))).toBeNull()
  const other = bodyOf('a.jpg#8/40')
  expect(versionOf(Buffer.concat([body.subarray(0, 640), other.subarray(640)]))).toBeNull()
  const versions = [null, 'a.jpg#8/40', 'a.jpg#7/40']
  expect(versionOfPart(body.subarray(100, 300), 100, versions)).toBe('a.jpg#7/40')
  expect(versionOfPart(body.subarray(100, 300), 101, versions)).toBeNull()
  expect(versionOfPart(body.subarray(2550), 2550, versions)).toBe('a.jpg#8/40')
})
