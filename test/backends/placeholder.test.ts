import { expect, it } from 'vitest'
import { sizeIn, withPlaceholder } from '../../src/backends/placeholder/placeholder.ts'
import { memoryBackend } from '../kit/memory.ts'
import { read } from '../kit/http-origin.ts'

it.each([
  ['2024/05/a-300x200.jpg', '300', '200'],
  ['thumb_300x200/a.jpg', '300', '200'],
  ['a_640X480.png', '640', '480'],
  ['styles/max_1200x1200/public/a-b.jpg', '1200', '1200'],
  ['images/a.max-165x165.format-webp.webp', '165', '165'],
  ['a.jpg.300x200_q85_crop.jpg', '300', '200'],
  ['1024x768/a-150x150.jpg', '150', '150'],
  ['map-1024x768@2x.png', '1024', '768'],
  ['w300-h200/a.jpg', '300', '200'],
  ['w_300,h_200,c_fill/a.jpg', '300', '200'],
  ['width-400/a.jpg', '400', '400'],
  ['images/a.height-80.png', '80', '80'],
  ['styles/scale_480/public/a.jpg', '480', '480'],
  ['styles/max-650/a.jpg', '650', '650'],
])('%s suggests %s × %s', (name, width, height) => {
  expect(sizeIn(name)).toEqual([width, height])
})

it.each([
  'a.jpg',
  '2024/05/a.jpg',
  'a@2x.png',
  'a.scale-50.png',
  'a-0x0.jpg',
  'a1x1.jpg',
  'f3x12ab.jpg',
  'a-12345x12345.jpg',
  'w1.jpg',
])('%s suggests no size', (name) => {
  expect(sizeIn(name)).toEqual([])
})

it('contains nothing of the name', async () => {
  const chain = withPlaceholder(memoryBackend('memory'), 'placeholder')
  const object = await chain.get('<script>alert(1)</script>"&-300x200.svg')
  const svg = await read(object?.body)
  expect(svg).not.toMatch(/script|alert|&/)
  expect(svg).toContain('>300 × 200</text>')
})

it('is one pixel for images that pages do not show', async () => {
  const chain = withPlaceholder(memoryBackend('memory'), 'placeholder')
  for (const name of ['a.ico', 'a.tiff', 'a.heic', 'a.psd'])
    expect(await chain.head(name)).toMatchObject({ contentType: 'image/gif', size: 42 })
})
