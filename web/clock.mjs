// The gateway's clock, as far as this phone can follow it. Its own may be put right, or wrong, while the page is
// open; what counts from the page's beginning can't, but in some browsers stands still while the phone sleeps. So
// the later of the two tells the time, and once they are apart the gateway has to be asked again. No DOM.
const SLACK_S = 2; // the gateway's clock is told in whole seconds

const wall = () => Date.now() / 1000;
const steady = () => performance.now() / 1000;

let afterWall = 0; // from either clock to the gateway's, in seconds
let afterSteady = wall() - steady();

const byWall = () => wall() + afterWall;
const bySteady = () => steady() + afterSteady;

// Unix seconds.
export const time = () => Math.max(byWall(), bySteady());

export function setTime(unix) {
  const off = unix - wall();
  afterWall = Math.abs(off) > SLACK_S ? off : 0;
  afterSteady = byWall() - steady();
}

// Is this phone's clock another than the gateway's?
export const isOff = () => afterWall !== 0;
// Has it been changed since the time was set?
export const wasChanged = () => Math.abs(byWall() - bySteady()) > SLACK_S;
