import { fill, media, mediaKv, startApp } from '../kit/app.ts'

/** The app over a primary and a fallback, with one name in both and some in each alone. */
export async function startFilled() {
  await fill(media, { 'a/one': '1', 'b/x': '2' })
  await fill(mediaKv, { 'a/one': '11', 'a/two': '3', c: '4' })
  return startApp()
}
