use super::plane::Pair;

/// Steps end where the next one moves no pixel by more than this.
const SETTLED: f64 = 0.02;

/// A fit needs this share of the reference's pixels.
const LEAST_OVERLAP: f64 = 0.3;

/// Where the moving picture shows what the reference shows: turned around the centre by `angle`
/// (radians, counter-clockwise), then shifted by pixels of the moving picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Motion {
    pub(super) angle: f64,
    pub(super) x: f64,
    pub(super) y: f64,
}

impl Motion {
    pub(super) const NONE: Motion = Motion {
        angle: 0.0,
        x: 0.0,
        y: 0.0,
    };

    /// A vector turned counter-clockwise as it is seen, with rows going down.
    pub(super) fn turn(angle: f64, x: f64, y: f64) -> (f64, f64) {
        let (sin, cos) = angle.sin_cos();
        (cos * x + sin * y, cos * y - sin * x)
    }

    /// Pixel coordinates in the moving picture of a pixel of the reference.
    pub(super) fn moves(&self, pair: &Pair, x: usize, y: usize) -> (f64, f64) {
        let ((from_x, from_y), (to_x, to_y)) = (pair.reference.centre(), pair.moving.centre());
        let (x, y) = Motion::turn(self.angle, x as f64 - from_x, y as f64 - from_y);
        (x + self.x + to_x, y + self.y + to_y)
    }

    /// The same motion of pictures so many times larger.
    pub(super) fn scaled(self, by: f64) -> Motion {
        Motion {
            x: self.x * by,
            y: self.y * by,
            ..self
        }
    }

    /// At most so many pixels lie between what the two do to a pixel `radius` from the centre.
    pub(super) fn distance(self, other: Motion, radius: f64) -> f64 {
        (self.x - other.x).hypot(self.y - other.y) + (self.angle - other.angle).abs() * radius
    }
}

/// Steps of the enhanced correlation coefficient's forward additive algorithm, from `motion`; the
/// best motion met.
pub(super) fn refine(pair: &Pair, motion: Motion, steps: usize) -> Motion {
    let (mut best, mut best_correlation) = (motion, f64::MIN);
    let mut motion = motion;
    for _ in 0..steps {
        let Some(fit) = fit(pair, motion) else {
            break;
        };
        if fit.correlation() > best_correlation {
            (best, best_correlation) = (motion, fit.correlation());
        }
        let Some([angle, x, y]) = fit.step() else {
            break;
        };
        let next = Motion {
            angle: motion.angle + angle,
            x: motion.x + x,
            y: motion.y + y,
        };
        let moved = next.distance(motion, pair.radius());
        if !moved.is_finite() {
            break;
        }
        motion = next;
        if moved < SETTLED {
            return motion;
        }
    }
    // The last step has not been looked at.
    match fit(pair, motion) {
        Some(fit) if fit.correlation() > best_correlation => motion,
        _ => best,
    }
}

/// Numbers of a pixel: the three derivatives of the moving picture's brightness by the motion, its
/// brightness, the reference's.
const NUMBERS: usize = 5;
const MOVING: usize = 3;
const REFERENCE: usize = 4;

/// Covariances of a pixel's numbers over what both pictures show.
pub(super) struct Fit {
    covariance: [[f64; NUMBERS]; NUMBERS],
}

/// None where the pictures hardly overlap.
pub(super) fn fit(pair: &Pair, motion: Motion) -> Option<Fit> {
    let (width, height) = (pair.reference.width, pair.reference.height);
    let (sin, cos) = motion.angle.sin_cos();
    let (sin, cos) = (sin as f32, cos as f32);
    let centre = pair.moving.centre();
    let shift = ((centre.0 + motion.x) as f32, (centre.1 + motion.y) as f32);
    let middle = pair.reference.centre();
    let mut sums = Sums::default();
    for (y, row) in pair.reference.data.chunks_exact(width).enumerate() {
        // Sums of a row in f32, of rows in f64: precise and fast.
        let mut row_sums = RowSums::default();
        let y = y as f32 - middle.1 as f32;
        for (x, &reference) in row.iter().enumerate() {
            let x = x as f32 - middle.0 as f32;
            let (at_x, at_y) = (cos * x + sin * y, cos * y - sin * x);
            if let Some([moving, across, down]) = pair.moving.sample(at_x + shift.0, at_y + shift.1)
            {
                let angle = across * at_y - down * at_x;
                row_sums.add([angle, across, down, moving, reference]);
            }
        }
        sums.add(&row_sums);
    }
    (sums.count >= LEAST_OVERLAP * (width * height) as f64).then(|| sums.fit())
}

#[derive(Default)]
struct RowSums {
    count: u32,
    sums: [f32; NUMBERS],
    products: [[f32; NUMBERS]; NUMBERS],
}

impl RowSums {
    #[inline]
    fn add(&mut self, numbers: [f32; NUMBERS]) {
        self.count += 1;
        for i in 0..NUMBERS {
            self.sums[i] += numbers[i];
            for j in i..NUMBERS {
                self.products[i][j] += numbers[i] * numbers[j];
            }
        }
    }
}

#[derive(Default)]
struct Sums {
    count: f64,
    sums: [f64; NUMBERS],
    products: [[f64; NUMBERS]; NUMBERS],
}

impl Sums {
    fn add(&mut self, row: &RowSums) {
        self.count += f64::from(row.count);
        for i in 0..NUMBERS {
            self.sums[i] += f64::from(row.sums[i]);
            for j in i..NUMBERS {
                self.products[i][j] += f64::from(row.products[i][j]);
            }
        }
    }

    fn fit(&self) -> Fit {
        let covariance = |i: usize, j: usize| {
            let (i, j) = (i.min(j), i.max(j));
            let mean = self.sums[i] / self.count;
            self.products[i][j] / self.count - mean * (self.sums[j] / self.count)
        };
        Fit {
            covariance: std::array::from_fn(|i| std::array::from_fn(|j| covariance(i, j))),
        }
    }
}

impl Fit {
    /// Between the reference's brightness and the moving picture's; 0 where one is flat.
    pub(super) fn correlation(&self) -> f64 {
        let [moving, reference] = [MOVING, REFERENCE].map(|i| self.covariance[i][i]);
        let scale = (moving.max(0.0) * reference.max(0.0)).sqrt();
        match scale > 0.0 {
            true => self.covariance[MOVING][REFERENCE] / scale,
            false => 0.0,
        }
    }

    /// Standard deviation, in grey levels, of the flatter picture.
    pub(super) fn contrast(&self) -> f64 {
        let [moving, reference] = [MOVING, REFERENCE].map(|i| self.covariance[i][i]);
        moving.min(reference).max(0.0).sqrt()
    }

    /// What to add to angle, x and y (the paper's equation 19); none where the picture does not tell.
    fn step(&self) -> Option<[f64; 3]> {
        let c = &self.covariance;
        let hessian: [[f64; 3]; 3] = std::array::from_fn(|i| std::array::from_fn(|j| c[i][j]));
        let to_moving = solve(hessian, [0, 1, 2].map(|i| c[i][MOVING]))?;
        let to_reference = solve(hessian, [0, 1, 2].map(|i| c[i][REFERENCE]))?;
        let explained = |by: usize| (0..3).map(|i| c[i][by] * to_moving[i]).sum::<f64>();
        let below = c[MOVING][REFERENCE] - explained(REFERENCE);
        if below <= 0.0 {
            return None;
        }
        let gain = (c[MOVING][MOVING] - explained(MOVING)) / below;
        Some(std::array::from_fn(|i| {
            gain * to_reference[i] - to_moving[i]
        }))
    }
}

/// The solution of `matrix × solution = right` by Cramer's rule; none where there is no single one.
fn solve(matrix: [[f64; 3]; 3], right: [f64; 3]) -> Option<[f64; 3]> {
    let all = determinant(matrix);
    let scale = matrix[0][0] * matrix[1][1] * matrix[2][2];
    // Relative to its diagonal: the angle's derivative is far larger than the others.
    if scale.is_nan() || all.abs() <= 1e-9 * scale.abs() {
        return None;
    }
    Some([0, 1, 2].map(|column| {
        let mut with = matrix;
        for row in 0..3 {
            with[row][column] = right[row];
        }
        determinant(with) / all
    }))
}

fn determinant([[a, b, c], [d, e, f], [g, h, i]]: [[f64; 3]; 3]) -> f64 {
    a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
}
